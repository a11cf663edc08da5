import type { Run } from "../../protocol/api.ts";
import { RuncastApi } from "../api.ts";
import type { CommandContext } from "./context.ts";
import { explain } from "./explain.ts";
import { formatDuration, paintFor } from "./terminal.ts";
import type { Paint } from "./terminal.ts";

export type ListArguments = {
  workspaceId: string;
  statuses: readonly string[];
  workflowId: string | undefined;
  labels: Record<string, string>;
  search: string | undefined;
  limit: number;
  json: boolean;
};

/** The newest runs, one a line. */
export async function listRuns(args: ListArguments, { found, voice }: CommandContext): Promise<number> {
  if (found.kind === "unknown") {
    voice.say(found.reason);
    return 1;
  }
  const { server } = found;
  const { workspaceId, statuses, workflowId, labels, search, limit } = args;
  const api = new RuncastApi({ url: server.url, ...(server.token === undefined ? {} : { token: server.token }) });
  const answer = await api.listRuns(workspaceId, {
    status: statuses,
    label: Object.entries(labels).map(([key, value]) => `${key}:${value}`),
    limit,
    ...(workflowId === undefined ? {} : { workflow_id: workflowId }),
    ...(search === undefined ? {} : { q: search }),
  });
  if (answer.kind === "problem") {
    voice.say(explain(answer.problem, server, { workspaceId }));
    return 1;
  }
  const { items } = answer.value;
  if (args.json) process.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  else if (items.length === 0)
    voice.say(isFiltered(args) ? "no runs match that." : "no runs. Start one: runcast run -- <command>");
  else process.stdout.write(formatTable(items, paintFor(process.stdout, process.env), Date.now()));
  return 0;
}

const STATUS_COLOUR: Record<Run["status"], keyof Paint> = {
  queued: "dim",
  building: "blue",
  running: "blue",
  succeeded: "green",
  failed: "red",
  cancelled: "yellow",
};
const STATUS_CHARS = "succeeded".length;
const NAME_CHARS = 40;

export function formatTable(runs: readonly Run[], paint: Paint, nowMs: number): string {
  const nameChars = Math.min(NAME_CHARS, Math.max("NAME".length, ...runs.map((run) => nameOf(run).length)));
  const header = [
    "STATUS".padEnd(STATUS_CHARS),
    "NAME".padEnd(nameChars),
    "CREATED".padEnd(16),
    "TOOK".padEnd(11),
    "RUN",
  ];
  const rows = runs.map((run) => {
    const status = paint[STATUS_COLOUR[run.status]](run.status.padEnd(STATUS_CHARS));
    const name = cut(nameOf(run), nameChars).padEnd(nameChars);
    const created = run.created_at.slice(0, 16).replace("T", " ");
    const startedMs = run.started_at === null ? null : Date.parse(run.started_at);
    const tookMs = run.duration_ms ?? (startedMs === null ? null : Math.max(0, nowMs - startedMs));
    const took = (tookMs === null ? "" : formatDuration(tookMs)).padEnd(11);
    return [status, name, created, took, paint.dim(run.run_id)].join("  ");
  });
  return `${[paint.bold(header.join("  ")), ...rows].join("\n")}\n`;
}

const isFiltered = ({ statuses, workflowId, labels, search }: ListArguments): boolean =>
  statuses.length > 0 || workflowId !== undefined || Object.keys(labels).length > 0 || search !== undefined;

// A name may hold anything; a terminal is only to be given what is text.
const nameOf = (run: Run): string => (run.name ?? "").replace(/\p{Cc}/gu, " ");

const cut = (text: string, chars: number): string => (text.length <= chars ? text : `${text.slice(0, chars - 1)}…`);
