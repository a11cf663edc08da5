import type { RunEvent } from "../../protocol/event.ts";
import { isRecord } from "../../protocol/ndjson.ts";
import { RuncastApi } from "../api.ts";
import { NodeWebSocket } from "../node-web-socket.ts";
import { watchRun } from "../watch-run.ts";
import type { Connection } from "../watch-run.ts";
import { explain, formatDuration, paintFor, say, writeOut } from "./output.ts";
import type { FoundServer } from "./server.ts";

export type TailArguments = { run: string; afterSequence: number; json: boolean };

/** Follows a run until it ends, across cuts. 0: it succeeded; 1: it did not, or it cannot be read. */
export async function tailRun(args: TailArguments, found: FoundServer): Promise<number> {
  if (found.kind === "unknown") return fail(found.reason);
  const { server } = found;
  const runId = runIdOf(args.run);
  const token = server.token === undefined ? {} : { token: server.token };
  // Asked first, because a wrong address or token is to be told, not tried for ever.
  const api = new RuncastApi({ url: server.url, ...token });
  const known = await api.getRun(runId);
  if (known.kind === "problem") return fail(explain(known.problem, server, { runId }));

  const controller = new AbortController();
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Who read our output has seen enough.
    if (error.code === "EPIPE") controller.abort();
    else throw error;
  });
  process.once("SIGINT", () => controller.abort());
  const print = new MessagePrinter();
  let trouble = false;
  const watch = watchRun({
    url: server.url,
    ...token,
    runId,
    afterSequence: args.afterSequence,
    webSocket: NodeWebSocket,
    signal: controller.signal,
    onLines: (lines) => {
      const text = lines.map(({ line, event }) => (args.json ? `${line}\n` : print.textOf(event))).join("");
      return text === "" ? undefined : writeOut(process.stdout, text);
    },
    onDamaged: ({ first, last }) => say(`lines ${first} to ${last} of the stored log cannot be read.`),
    onState: (connection) => {
      trouble = tellConnection(connection, trouble);
    },
  });
  const outcome = await watch.finished;
  if (outcome.kind === "stopped") return 130;
  if (outcome.kind === "refused") return fail(outcome.reason);
  const ended = await api.getRun(runId);
  const { status } = outcome;
  const paint = paintFor(process.stderr, process.env);
  const details: string[] = [];
  if (ended.kind === "ok") {
    if (ended.value.exit_code !== null) details.push(`exit code ${ended.value.exit_code}`);
    if (ended.value.duration_ms !== null) details.push(formatDuration(ended.value.duration_ms));
    if (ended.value.failure !== null) details.push(ended.value.failure.message);
  }
  const colour = status === "succeeded" ? paint.green : status === "failed" ? paint.red : paint.yellow;
  say([colour(status), ...details].join(", "));
  return status === "succeeded" ? 0 : 1;
}

/** The console's messages as they were printed; the parts of a long line come together again. */
class MessagePrinter {
  /** The stream of a line that is not finished yet. */
  #open: unknown = null;

  textOf(event: RunEvent): string {
    if (event.type !== "console.line" || !isRecord(event.payload)) return "";
    const { stream, message, partial } = event.payload;
    // Another stream's line in between would otherwise continue the unfinished one.
    const before = this.#open !== null && this.#open !== stream ? "\n" : "";
    this.#open = partial === true ? stream : null;
    return `${before}${String(message)}${partial === true ? "" : "\n"}`;
  }
}

/** Says once that the connection is away, and once that it is back. */
function tellConnection(connection: Connection, trouble: boolean): boolean {
  if (connection.kind === "reconnecting") {
    if (!trouble && connection.attempt > 1) say(`the connection is away (${connection.reason}); trying again …`);
    return trouble || connection.attempt > 1;
  }
  if (trouble && (connection.kind === "live" || connection.kind === "catching_up")) {
    say("connected again.");
    return false;
  }
  return trouble;
}

/** A run's id, or the address of its page. */
function runIdOf(text: string): string {
  return /\/runs\/([^/?#]+)/.exec(text)?.[1] ?? text;
}

function fail(reason: string): 1 {
  say(reason);
  return 1;
}
