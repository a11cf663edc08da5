import { parseArgs } from "node:util";
import { slugSchema } from "../../../protocol/event.ts";
import { RUN_STATUSES } from "../../../protocol/run-status.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { ListArguments } from "../list.ts";
import type { PipeArguments } from "../pipe.ts";
import type { RecordingArguments } from "../recording.ts";
import type { RunArguments } from "../run.ts";
import type { ResumeArguments } from "../resume.ts";
import type { TailArguments } from "../tail.ts";
import type { VerifyArguments } from "../verify.ts";
import { readLabels, readParameters } from "./assignments.ts";
import {
  COMMAND_NAMES,
  COMMANDS,
  HELP_OPTIONS,
  isCommandName,
  LIST_OPTIONS,
  PIPE_OPTIONS,
  RESUME_OPTIONS,
  RUN_OPTIONS,
  SHELLS,
  TAIL_OPTIONS,
  VERIFY_OPTIONS,
} from "./commands.ts";
import type { CommandName, Shell } from "./commands.ts";
import { suggest } from "./suggest.ts";

export type Invocation =
  | { kind: "help"; of: CommandName | null }
  | { kind: "wrong"; reason: string; of: CommandName | null }
  | { kind: "run"; args: RunArguments }
  | { kind: "pipe"; args: PipeArguments }
  | { kind: "tail"; args: TailArguments }
  | { kind: "list"; args: ListArguments }
  | { kind: "verify"; args: VerifyArguments }
  | { kind: "resume"; args: ResumeArguments }
  | { kind: "completions"; shell: Shell };

/** What the words behind `runcast` ask for. */
export function readArguments(words: readonly string[]): Invocation {
  const [what = "--help", ...rest] = words;
  if (what === "--help" || what === "-h") return { kind: "help", of: null };
  if (!isCommandName(what)) {
    const meant = suggest(what, COMMAND_NAMES);
    const hint = meant === null ? "" : `; did you mean "runcast ${meant}"?`;
    return { kind: "wrong", reason: `there is no "runcast ${what}"${hint}`, of: null };
  }
  try {
    return READERS[what](rest);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && String(cause.code).startsWith("ERR_PARSE_ARGS_"))) throw cause;
    return { kind: "wrong", reason: reasonOf(cause, what), of: what };
  }
}

const READERS: Record<CommandName, (words: string[]) => Invocation> = {
  run: readRun,
  pipe: readPipe,
  tail: readTail,
  list: readList,
  verify: readVerify,
  resume: readResume,
  completions: readCompletions,
  help: readHelp,
};

/** `parseArgs` says in words what it does not take; an option it does not know was probably meant to be another. */
function reasonOf(error: Error, of: CommandName): string {
  const unknown = /^Unknown option '(-[^']+)'/.exec(error.message)?.[1];
  if (unknown === undefined) return error.message;
  const meant = suggest(
    unknown,
    Object.keys(COMMANDS[of].options).map((name) => `--${name}`),
  );
  return `"runcast ${of}" has no option ${unknown}${meant === null ? "" : `; did you mean ${meant}?`}`;
}

const wrong = (of: CommandName, reason: string): Invocation => ({ kind: "wrong", reason, of });

function readRun(words: string[]): Invocation {
  const { own, command } = splitCommand(words);
  const { values } = parseArgs({ args: own, options: RUN_OPTIONS });
  if (values.help === true) return { kind: "help", of: "run" };
  const recording = readRecording(values);
  if (recording.kind === "wrong") return wrong("run", recording.reason);
  const [program, ...args] = command;
  if (program === undefined) return wrong("run", "the command is missing: runcast run -- <command>");
  return { kind: "run", args: { ...recording.args, command: [program, ...args], pty: values.pty === true } };
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
  const { values } = parseArgs({ args: words, options: PIPE_OPTIONS });
  if (values.help === true) return { kind: "help", of: "pipe" };
  const recording = readRecording(values);
  if (recording.kind === "wrong") return wrong("pipe", recording.reason);
  return { kind: "pipe", args: { ...recording.args, events: values.events === true } };
}

type RecordingValues = Partial<{
  name: string;
  workspace: string;
  workflow: string;
  label: string[];
  param: string[];
  step: string;
  artifact: string[];
  "no-mask": boolean;
  "no-markers": boolean;
  json: boolean;
}>;

/** What `run` and `pipe` have in common. */
function readRecording(
  values: RecordingValues,
): { kind: "read"; args: RecordingArguments } | { kind: "wrong"; reason: string } {
  const labels = readLabels(values.label ?? []);
  if (labels.kind === "wrong") return labels;
  const parameters = readParameters(values.param ?? []);
  if (parameters.kind === "wrong") return parameters;
  if (values.workflow !== undefined && !slugSchema.safeParse(values.workflow).success) {
    const reason = `--workflow wants lower-case letters, digits and -, up to 40 of them, not "${values.workflow}"`;
    return { kind: "wrong", reason };
  }
  return {
    kind: "read",
    args: {
      // An empty name is no name.
      name: values.name === "" ? undefined : values.name,
      workspaceId: values.workspace ?? "default",
      workflowId: values.workflow,
      labels: labels.values,
      parametersText: parameters.json,
      step: values.step === "" ? undefined : values.step,
      artifacts: values.artifact ?? [],
      masksEnvironment: values["no-mask"] !== true,
      readsMarkers: values["no-markers"] !== true,
      json: values.json === true,
    },
  };
}

function readTail(words: string[]): Invocation {
  const { values, positionals } = parseArgs({ args: words, options: TAIL_OPTIONS, allowPositionals: true });
  if (values.help === true) return { kind: "help", of: "tail" };
  const [run] = positionals;
  if (run === undefined || positionals.length > 1) return wrong("tail", "tail shows one run: runcast tail <run>");
  if (values.follow === true && values["no-follow"] === true)
    return wrong("tail", "--follow and --no-follow exclude each other");
  if (values.after !== undefined && values.last !== undefined)
    return wrong("tail", "--after and --last exclude each other");
  const after = readCount(values.after ?? "0");
  if (after === null) return wrong("tail", `--after wants the number of an event, not "${values.after}"`);
  const last = values.last === undefined ? undefined : readCount(values.last);
  if (last === null) return wrong("tail", `--last wants a number of events, not "${values.last}"`);
  const { format = "text" } = values;
  if (format !== "text" && format !== "ndjson") return wrong("tail", `--format wants text or ndjson, not "${format}"`);
  const from =
    last === undefined ? ({ kind: "after", sequence: after } as const) : ({ kind: "last", events: last } as const);
  return {
    kind: "tail",
    args: {
      run,
      from,
      follow: values["no-follow"] !== true,
      format: values.json === true ? "ndjson" : format,
      timestamps: values.timestamps === true,
    },
  };
}

function readList(words: string[]): Invocation {
  const { values } = parseArgs({ args: words, options: LIST_OPTIONS });
  if (values.help === true) return { kind: "help", of: "list" };
  const statuses = values.status ?? [];
  const unknown = statuses.find((status) => !STATUSES.includes(status));
  if (unknown !== undefined) {
    const meant = suggest(unknown, STATUSES);
    return wrong("list", `there is no status "${unknown}"${meant === null ? "" : `; did you mean ${meant}?`}`);
  }
  const limit = readCount(values.limit ?? "20");
  if (limit === null || limit < 1 || limit > LIMITS.listRuns) {
    return wrong("list", `--limit wants a number from 1 to ${LIMITS.listRuns}`);
  }
  const labels = readLabels(values.label ?? []);
  if (labels.kind === "wrong") return wrong("list", labels.reason);
  return {
    kind: "list",
    args: {
      workspaceId: values.workspace ?? "default",
      statuses,
      workflowId: values.workflow,
      labels: labels.values,
      search: values.search,
      limit,
      json: values.json === true,
    },
  };
}

/** With the two aliases that the server takes in filters. */
const STATUSES: readonly string[] = [...RUN_STATUSES, "completed", "canceled"];

function readVerify(words: string[]): Invocation {
  const { values, positionals } = parseArgs({ args: words, options: VERIFY_OPTIONS, allowPositionals: true });
  if (values.help === true) return { kind: "help", of: "verify" };
  const [what] = positionals;
  if (what === undefined || positionals.length > 1) {
    return wrong("verify", "verify reads one run or one file: runcast verify <run|file>");
  }
  const { json = false, key = null, manifest = null } = values;
  return { kind: "verify", args: { what, json, key, manifest } };
}

function readResume(words: string[]): Invocation {
  const { values, positionals } = parseArgs({ args: words, options: RESUME_OPTIONS, allowPositionals: true });
  if (values.help === true) return { kind: "help", of: "resume" };
  if (positionals.length > 1) return wrong("resume", "resume takes one run, or none for all: runcast resume [run]");
  if (values.list === true && values.discard === true) {
    return wrong("resume", "--list shows what is left and --discard deletes it; give one of them");
  }
  const what = values.list === true ? "list" : values.discard === true ? "discard" : "deliver";
  return { kind: "resume", args: { run: positionals[0] ?? null, what, json: values.json === true } };
}

function readCompletions(words: string[]): Invocation {
  const { values, positionals } = parseArgs({ args: words, options: HELP_OPTIONS, allowPositionals: true });
  if (values.help === true) return { kind: "help", of: "completions" };
  const shell = SHELLS.find((name) => name === positionals[0]);
  if (shell === undefined) return wrong("completions", `there are completions for ${SHELLS.join(", ")}`);
  return { kind: "completions", shell };
}

function readHelp(words: string[]): Invocation {
  const [of] = words;
  if (of === undefined || of.startsWith("-")) return { kind: "help", of: null };
  if (isCommandName(of)) return { kind: "help", of };
  const meant = suggest(of, COMMAND_NAMES);
  return wrong("help", `there is no "runcast ${of}"${meant === null ? "" : `; did you mean ${meant}?`}`);
}

const readCount = (text: string): number | null => (/^\d{1,15}$/.test(text) ? Number(text) : null);
