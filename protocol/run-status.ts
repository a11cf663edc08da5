export const TERMINAL_STATUSES = ["succeeded", "failed", "cancelled"] as const;
export const RUN_STATUSES = ["queued", "building", "running", ...TERMINAL_STATUSES] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number];
export const isTerminal = (status: RunStatus): status is TerminalStatus =>
  status === "succeeded" || status === "failed" || status === "cancelled";

/** Where a run may go from each status. Terminal is final. */
export const STATUS_MOVES: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  queued: ["building", "running", "failed", "cancelled"],
  building: ["running", "failed", "cancelled"],
  running: ["succeeded", "failed", "cancelled"],
  succeeded: [],
  failed: [],
  cancelled: [],
};

export const canMove = (from: RunStatus, to: RunStatus): boolean => STATUS_MOVES[from].includes(to);

/** The status that an event of this type starts, or null when its type starts none. `run.completed` names its own. */
export function startedStatus(type: string): "building" | "running" | null {
  if (type === "run.started") return "running";
  if (type === "build.started") return "building";
  return null;
}

/** What a started event does to a run: a start of the status it is already in stays, and is no error. */
export function judgeStart(from: RunStatus, started: "building" | "running"): "moves" | "stays" | "illegal" {
  if (from === started) return "stays";
  return !isTerminal(from) && canMove(from, started) ? "moves" : "illegal";
}
