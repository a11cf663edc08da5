import type { CommandContext } from "./context.ts";
import { describeResumed, formatWaiting, reportOf } from "./resumed-words.ts";
import { resumeSpool } from "./resume-spool.ts";
import type { Resumed } from "./resume-spool.ts";
import { runIdOf } from "./run-id.ts";
import { serverOf } from "./server.ts";
import { findSpools, removeSpool, spoolRoot } from "./spool/spool.ts";
import type { FoundSpool } from "./spool/spool.ts";
import { paintFor } from "./terminal.ts";
import type { Voice } from "./voice.ts";

export type ResumeArguments = {
  /** Null: everything that is left. */
  run: string | null;
  what: "deliver" | "list" | "discard";
  json: boolean;
};

/** Delivers what the command lines of this user left behind. 0 when nothing is left of it. */
export async function resumeRuns(args: ResumeArguments, { voice }: Pick<CommandContext, "voice">): Promise<number> {
  const root = spoolRoot(process.env);
  const { spools, unreadable } = findSpools(root);
  const named = args.run === null ? null : runIdOf(args.run);
  const wanted = spools.filter(({ runId, name }) => named === null || named === runId || named === name);
  for (const folder of named === null ? unreadable : []) {
    voice.say(`${folder} cannot be read. What is in it are lines of a run; delete it when they are not needed.`);
  }
  if (wanted.length === 0) {
    const none = named === null ? "nothing is left to deliver" : `nothing is left of ${named}`;
    if (args.json && args.what === "list") process.stdout.write("[]\n");
    else if (!args.json) voice.say(`${none} in ${root}.`);
    return named === null && unreadable.length === 0 ? 0 : 1;
  }
  if (args.what === "list") {
    const paint = paintFor(process.stdout, process.env);
    process.stdout.write(
      args.json ? `${JSON.stringify(wanted.map(reportOf), null, 2)}\n` : formatWaiting(wanted, paint),
    );
    return 0;
  }
  let isAllDone = unreadable.length === 0;
  for (const found of wanted) {
    const resumed = args.what === "discard" ? discard(found) : await deliver(found, named !== null, voice);
    isAllDone &&= resumed.kind === "delivered" || resumed.kind === "discarded" || resumed.kind === "gone";
    if (args.json) process.stdout.write(`${JSON.stringify({ ...reportOf(found), ...resumed })}\n`);
    else voice.say(describeResumed(found, resumed));
  }
  return isAllDone ? 0 : 1;
}

async function deliver(found: FoundSpool, isNamed: boolean, voice: Voice): Promise<Resumed> {
  const server = serverOf(found.note.url, process.env, isNamed);
  return server.kind === "found"
    ? resumeSpool(found, server.server, voice)
    : { kind: "elsewhere", reason: server.reason };
}

function discard(found: FoundSpool): Resumed {
  // Deleted under it, its process could keep nothing more.
  if (found.owner !== null) return { kind: "owned", pid: found.owner.pid };
  removeSpool(found.folder);
  return { kind: "discarded" };
}
