import type { Run } from "../../protocol/api.ts";
import { prettyJson } from "../json-text.ts";
import { runToJson } from "../run-with-text.ts";
import type { CommandContext } from "./context.ts";
import { explain } from "./explain.ts";
import { patientApi } from "./patient-api.ts";
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
  const answer = await patientApi(server, voice).listRuns(workspaceId, {
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
  if (args.json) process.stdout.write(`${prettyJson(`[${items.map(runToJson).join(",")}]`)}\n`);
  else if (items.length === 0)
    voice.say(isFiltered(args) ? "no runs match that." : "no runs. Start one: runcast run -- <command>");
  else
    process.stdout.write(
      formatTable(items, paintFor(process.stdout, process.env), Date.now(), columnsOf(process.stdout)),
    );
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
const GAP = "  ";
const STATUS_CHARS = "succeeded".length;
const CREATED_CHARS = 16;
const TOOK_CHARS = "59 min 59 s".length;
const RUN_ID_CHARS = 36;
const NAME_CHARS = { min: 12, max: 40 };

/** One run a line. On a terminal of `columns` a line fits while it can: the name is cut first, then the duration is left out. */
export function formatTable(runs: readonly Run[], paint: Paint, nowMs: number, columns: number | null): string {
  const widest = Math.max("NAME".length, ...runs.map((run) => nameOf(run).length));
  const without = STATUS_CHARS + CREATED_CHARS + RUN_ID_CHARS + 3 * GAP.length;
  const room = columns === null ? NAME_CHARS.max : columns - without;
  const hasTook = columns === null || room - TOOK_CHARS - GAP.length >= NAME_CHARS.min;
  const roomForName = hasTook && columns !== null ? room - TOOK_CHARS - GAP.length : room;
  const nameChars = Math.min(widest, Math.max(NAME_CHARS.min, Math.min(NAME_CHARS.max, roomForName)));
  const header = [
    "STATUS".padEnd(STATUS_CHARS),
    "NAME".padEnd(nameChars),
    "CREATED".padEnd(CREATED_CHARS),
    ...(hasTook ? ["TOOK".padEnd(TOOK_CHARS)] : []),
    "RUN",
  ];
  const rows = runs.map((run) => {
    const status = paint[STATUS_COLOUR[run.status]](run.status.padEnd(STATUS_CHARS));
    const name = cut(nameOf(run), nameChars).padEnd(nameChars);
    const created = run.created_at.slice(0, CREATED_CHARS).replace("T", " ");
    const took = hasTook ? [describeTook(run, nowMs).padEnd(TOOK_CHARS)] : [];
    return [status, name, created, ...took, paint.dim(run.run_id)].join(GAP);
  });
  return `${[paint.bold(header.join(GAP)), ...rows].join("\n")}\n`;
}

function describeTook(run: Run, nowMs: number): string {
  const startedMs = run.started_at === null ? null : Date.parse(run.started_at);
  const tookMs = run.duration_ms ?? (startedMs === null ? null : Math.max(0, nowMs - startedMs));
  return tookMs === null ? "" : formatDuration(tookMs);
}

const columnsOf = (output: NodeJS.WriteStream): number | null => (output.isTTY ? output.columns : null);

const isFiltered = ({ statuses, workflowId, labels, search }: ListArguments): boolean =>
  statuses.length > 0 || workflowId !== undefined || Object.keys(labels).length > 0 || search !== undefined;

// A name may hold anything; a terminal is only to be given what is text.
const nameOf = (run: Run): string => (run.name ?? "").replace(/\p{Cc}/gu, " ");

const cut = (text: string, chars: number): string => (text.length <= chars ? text : `${text.slice(0, chars - 1)}…`);
