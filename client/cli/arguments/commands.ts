import { RUN_STATUSES } from "../../../protocol/run-status.ts";
import type { Options } from "./option.ts";

const HELP = { type: "boolean", short: "h", help: "this text" } as const;
const WORKSPACE = {
  type: "string",
  value: "<id>",
  help: "where it is listed (default: default)",
  complete: "nothing",
} as const;
const JSON_OUTPUT = { type: "boolean", help: "as JSON, for scripts" } as const;

const RECORDING = {
  name: { type: "string", value: "<text>", help: "what the run is called", complete: "nothing" },
  workspace: WORKSPACE,
  workflow: {
    type: "string",
    value: "<id>",
    help: "what it is a run of; runs of one workflow are compared",
    complete: "nothing",
  },
  label: {
    type: "string",
    multiple: true,
    value: "<key=value>",
    help: "to find it by; key:value is the same; may be given several times",
    complete: "nothing",
  },
  param: {
    type: "string",
    multiple: true,
    value: "<key=value>",
    help: "a parameter shown with the run, as text; key:=value is JSON; may be given several times",
    complete: "nothing",
  },
  step: { type: "string", value: "<name>", help: "all of it is one step of this name", complete: "nothing" },
  artifact: {
    type: "string",
    multiple: true,
    value: "<path>",
    help: "a file, a folder or a pattern (quote it) to upload at the end; bytes are sent as they are, unmasked; may be given several times",
    complete: "file",
  },
} as const satisfies Options;

const READING = {
  "no-mask": {
    type: "boolean",
    help: "do not replace the values of variables named like *TOKEN*, *SECRET*, *PASSWORD* or *KEY* with ***",
  },
  "no-markers": { type: "boolean", help: "lines such as ::group::name and --- name are output and nothing else" },
  json: { type: "boolean", help: "what Runcast itself says on standard error is JSON, one object a line" },
  help: HELP,
} as const satisfies Options;

export const RUN_OPTIONS = {
  ...RECORDING,
  pty: { type: "boolean", help: "on a terminal of its own: full-screen programs, prompts, colours" },
  ...READING,
} as const satisfies Options;

export const PIPE_OPTIONS = {
  ...RECORDING,
  events: { type: "boolean", help: 'a line that is a JSON object with a "type" is an event' },
  ...READING,
} as const satisfies Options;

export const TAIL_OPTIONS = {
  follow: { type: "boolean", short: "f", help: "stay until the run ends (the default)" },
  "no-follow": { type: "boolean", help: "only what is there by now" },
  after: { type: "string", value: "<n>", help: "only what comes after event n", complete: "nothing" },
  last: { type: "string", short: "n", value: "<n>", help: "begin with the last n events", complete: "nothing" },
  format: {
    type: "string",
    value: "<text|ndjson>",
    help: "the console's text (default), or the events as they are stored",
    complete: ["text", "ndjson"],
  },
  json: { type: "boolean", help: "the same as --format ndjson" },
  timestamps: { type: "boolean", short: "t", help: "each line of text with its time (UTC)" },
  help: HELP,
} as const satisfies Options;

export const LIST_OPTIONS = {
  workspace: WORKSPACE,
  status: {
    type: "string",
    multiple: true,
    value: "<status>",
    help: `${RUN_STATUSES.join(", ")}; may be given several times`,
    complete: RUN_STATUSES,
  },
  workflow: { type: "string", value: "<id>", help: "only runs of it", complete: "nothing" },
  label: {
    type: "string",
    multiple: true,
    value: "<key=value>",
    help: "only runs with it; may be given several times",
    complete: "nothing",
  },
  search: {
    type: "string",
    short: "s",
    value: "<text>",
    help: "the beginning of a name or an id, or words",
    complete: "nothing",
  },
  limit: { type: "string", value: "<n>", help: "how many, 1 to 200 (default: 20)", complete: "nothing" },
  json: JSON_OUTPUT,
  help: HELP,
} as const satisfies Options;

export const VERIFY_OPTIONS = {
  key: {
    type: "string",
    value: "key|file",
    complete: "file",
    help: "the public key the manifest must be signed with: itself, or a file with what GET /api/signing-key answers",
  },
  manifest: {
    type: "string",
    value: "file",
    complete: "file",
    help: "the log's manifest (default: manifest.json beside the log)",
  },
  json: JSON_OUTPUT,
  help: HELP,
} as const satisfies Options;
export const RESUME_OPTIONS = {
  list: { type: "boolean", help: "only show what is left" },
  discard: { type: "boolean", help: "delete what is left instead of delivering it" },
  json: JSON_OUTPUT,
  help: HELP,
} as const satisfies Options;
export const HELP_OPTIONS = { help: HELP } as const satisfies Options;

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

type Command = { summary: string; usage: string; text: string; options: Options; more?: string };

/** What there is, in the order of the help. */
export const COMMANDS = {
  run: {
    summary: "run a command, watched",
    usage: "runcast run [options] -- <command> [arguments]",
    text: "Runs the command as always, shows its output here, and sends every line to be watched; the address to watch at is printed on standard error. Its exit code is passed through. Without a server the command runs all the same.",
    options: RUN_OPTIONS,
    more: "FORCE_COLOR=1 and PYTHONUNBUFFERED=1 are set for the command unless they are set already, so that colours and lines arrive as they would on a terminal; with --pty there is no need to.",
  },
  pipe: {
    summary: "send what is piped in, watched",
    usage: "<command> 2>&1 | runcast pipe [options]",
    text: "Passes its input through and sends it to be watched.",
    options: PIPE_OPTIONS,
  },
  tail: {
    summary: "follow a run here",
    usage: "runcast tail [options] <run>",
    text: "Shows a run, given by its id or the address of its page, until it ends. Exit code 0 when it succeeded, 1 when it did not; with --no-follow, 0 when it could be read.",
    options: TAIL_OPTIONS,
  },
  list: {
    summary: "the newest runs",
    usage: "runcast list [options]",
    text: "The newest runs. Times are UTC.",
    options: LIST_OPTIONS,
  },
  verify: {
    summary: "prove that a log is whole",
    usage: "runcast verify [options] <run|file>",
    text: "Has the server read a run's stored log again, or reads a downloaded log (NDJSON; - is standard input) here, without a server: every sequence from 1 on, once, each byte as its manifest says, and that as it was signed with the key. Exit code 0 when the log is whole, 1 when it is not.",
    options: VERIFY_OPTIONS,
  },
  resume: {
    summary: "deliver what is left",
    usage: "runcast resume [options] [run]",
    text: "Delivers the lines that a run or pipe could not: because its server was away to the end, or because it was killed. Whatever was stored already is not stored twice. A run whose command line still lives is left alone. Exit code 0 when nothing is left.",
    options: RESUME_OPTIONS,
    more: "Lines wait in RUNCAST_SPOOL, by default runcast/spool under XDG_STATE_HOME or ~/.local/state, up to RUNCAST_SPOOL_BYTES (1 GiB; 0: none are kept).",
  },
  completions: {
    summary: "completions for your shell",
    usage: `runcast completions <${SHELLS.join("|")}>`,
    text: 'Prints a script for your shell. bash: eval "$(runcast completions bash)" in ~/.bashrc; zsh: the same in ~/.zshrc, behind compinit; fish: runcast completions fish > ~/.config/fish/completions/runcast.fish',
    options: HELP_OPTIONS,
  },
  help: {
    summary: "this, or more about a command",
    usage: "runcast help [command]",
    text: "Tells what there is, or more about one command.",
    options: HELP_OPTIONS,
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;
export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];
export const isCommandName = (text: string): text is CommandName => Object.hasOwn(COMMANDS, text);
