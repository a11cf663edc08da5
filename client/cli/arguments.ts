import { parseArgs } from "node:util";
import { RUN_STATUSES } from "../../protocol/event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { isCommandName } from "./help.ts";
import type { CommandName } from "./help.ts";
import type { ListArguments } from "./list.ts";
import type { PipeArguments } from "./pipe.ts";
import type { RunArguments } from "./run.ts";
import type { TailArguments } from "./tail.ts";

export type Invocation =
  | { kind: "help"; of: CommandName | null }
  | { kind: "wrong"; reason: string; of: CommandName | null }
  | { kind: "run"; args: RunArguments }
  | { kind: "pipe"; args: PipeArguments }
  | { kind: "tail"; args: TailArguments }
  | { kind: "list"; args: ListArguments };

const HELP_OPTION = { help: { type: "boolean", short: "h" } } as const;
const RUN_OPTIONS = {
  ...HELP_OPTION,
  name: { type: "string" },
  workspace: { type: "string" },
  label: { type: "string", multiple: true },
} as const;

/** What the words behind `runcast` ask for. */
export function readArguments(words: readonly string[]): Invocation {
  const [what, ...rest] = words;
  if (what === undefined || what === "help" || what === "--help" || what === "-h") {
    const [of] = rest;
    return { kind: "help", of: of !== undefined && isCommandName(of) ? of : null };
  }
  if (!isCommandName(what)) return { kind: "wrong", reason: `there is no "runcast ${what}"`, of: null };
  try {
    return READERS[what](rest);
  } catch (cause) {
    // `parseArgs` says in words which option it does not know.
    if (cause instanceof TypeError) return { kind: "wrong", reason: cause.message, of: what };
    throw cause;
  }
}

const READERS: Record<CommandName, (words: string[]) => Invocation> = {
  run: readRun,
  pipe: readPipe,
  tail: readTail,
  list: readList,
};

function readRun(words: string[]): Invocation {
  const { own, command } = splitCommand(words);
  const { values } = parseArgs({ args: own, options: RUN_OPTIONS });
  if (values.help === true) return { kind: "help", of: "run" };
  const labels = readLabels(values.label ?? []);
  if (typeof labels === "string") return { kind: "wrong", reason: labels, of: "run" };
  const [program, ...args] = command;
  if (program === undefined)
    return { kind: "wrong", reason: "the command is missing: runcast run -- <command>", of: "run" };
  const common = { name: nameOf(values.name), workspaceId: values.workspace ?? "default", labels };
  return { kind: "run", args: { ...common, command: [program, ...args] } };
}

/** Everything behind `--`, or from the first word that is neither an option nor its value, is the command's own. */
function splitCommand(words: string[]): { own: string[]; command: string[] } {
  const { tokens } = parseArgs({
    args: words,
    options: RUN_OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const end = tokens.find(({ kind }) => kind === "positional" || kind === "option-terminator");
  if (end === undefined) return { own: words, command: [] };
  const skip = end.kind === "option-terminator" ? 1 : 0;
  return { own: words.slice(0, end.index), command: words.slice(end.index + skip) };
}

function readPipe(words: string[]): Invocation {
  const { values } = parseArgs({ args: words, options: { ...RUN_OPTIONS, events: { type: "boolean" } } });
  if (values.help === true) return { kind: "help", of: "pipe" };
  const labels = readLabels(values.label ?? []);
  if (typeof labels === "string") return { kind: "wrong", reason: labels, of: "pipe" };
  const workspaceId = values.workspace ?? "default";
  return { kind: "pipe", args: { name: nameOf(values.name), workspaceId, labels, events: values.events === true } };
}

function readTail(words: string[]): Invocation {
  const { values, positionals } = parseArgs({
    args: words,
    options: { ...HELP_OPTION, after: { type: "string" }, json: { type: "boolean" } },
    allowPositionals: true,
  });
  if (values.help === true) return { kind: "help", of: "tail" };
  const [run] = positionals;
  if (run === undefined || positionals.length > 1) {
    return { kind: "wrong", reason: "tail follows one run: runcast tail <run>", of: "tail" };
  }
  const afterSequence = Number(values.after ?? "0");
  if (!Number.isSafeInteger(afterSequence) || afterSequence < 0) {
    return { kind: "wrong", reason: `--after wants the number of an event, not "${values.after}"`, of: "tail" };
  }
  return { kind: "tail", args: { run, afterSequence, json: values.json === true } };
}

function readList(words: string[]): Invocation {
  const { values } = parseArgs({
    args: words,
    options: {
      ...HELP_OPTION,
      workspace: { type: "string" },
      status: { type: "string", multiple: true },
      limit: { type: "string" },
      json: { type: "boolean" },
    },
  });
  if (values.help === true) return { kind: "help", of: "list" };
  const statuses = values.status ?? [];
  const unknown = statuses.find((status) => !STATUSES.has(status));
  if (unknown !== undefined) return { kind: "wrong", reason: `there is no status "${unknown}"`, of: "list" };
  const limit = Number(values.limit ?? "20");
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.listRuns) {
    return { kind: "wrong", reason: `--limit wants a number from 1 to ${LIMITS.listRuns}`, of: "list" };
  }
  const workspaceId = values.workspace ?? "default";
  return { kind: "list", args: { workspaceId, statuses, limit, json: values.json === true } };
}

/** With the two aliases that the server takes in filters. */
const STATUSES: ReadonlySet<string> = new Set([...RUN_STATUSES, "completed", "canceled"]);

// An empty name is no name.
const nameOf = (name: string | undefined): string | undefined => (name === "" ? undefined : name);

function readLabels(texts: readonly string[]): Record<string, string> | string {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const [, key, value] = /^([^=:]{1,63})[=:](.{0,255})$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) return `--label wants key=value, not "${text}"`;
    labels[key] = value;
  }
  return labels;
}
