import type { RunEvent } from "../../../../protocol/event.ts";
import { numberOr, textOr } from "../../../../protocol/lenient.ts";
import { LIMITS } from "../../../../protocol/limits.ts";
import { cutText } from "../../../../protocol/ndjson.ts";
import type { Summary } from "../../../../protocol/summary.ts";
import { shownName } from "./shown-name.ts";
import { inTreeOrder } from "./step-tree.ts";

type SummaryStep = Summary["steps"]["items"][number];
export type Step = {
  id: string;
  name: string;
  status: SummaryStep["status"];
  startedAt: number | null;
  durationMs: number | null;
  /** The step that it says it lies in, whether or not that is known. */
  parent: string | null;
  /** How deep it lies in other steps. */
  depth: number;
  hasChildren: boolean;
  /** Where it begins and ends in the log, as far as that is known. */
  first: number | null;
  last: number | null;
};
type Told = Omit<Step, "depth" | "hasChildren">;

/**
 * The steps, each below the one it lies in: those that the summary counts with their places from the events, then those that only the
 * events tell of, because a summary is cut short.
 */
export function stepsOf(steps: Summary["steps"], events: readonly RunEvent[]): Step[] {
  const told = toldBy(events);
  const listed = steps.items.map((step): Told => {
    const { first = null, last = null, parent = null } = told.get(step.id) ?? {};
    const startedAt = step.started_at === null ? null : Date.parse(step.started_at);
    told.delete(step.id);
    const { id, status, duration_ms: durationMs } = step;
    return { id, name: shownName(step.name), status, startedAt, durationMs, parent, first, last };
  });
  return inTreeOrder([...listed, ...told.values()]).map(({ item, depth, hasChildren }) => ({
    ...item,
    depth,
    hasChildren,
  }));
}

const cut = (text: string): string => cutText(text, LIMITS.summaryStringChars);
const cutOrNull = (value: unknown): string | null => (typeof value === "string" ? cut(value) : null);

/** By id, in the order they began; strings cut as the summary cuts them, or the two would not meet. */
function toldBy(events: readonly RunEvent[]): Map<string, Told> {
  const told = new Map<string, Told>();
  for (const { type, step, sequence, created_at: createdAt, payload } of events) {
    const id = cutOrNull(step ?? payload["name"]);
    if (id === null) continue;
    if (type === "step.started") {
      told.set(id, {
        id,
        name: shownName(cut(textOr(payload["name"], id))),
        status: "running",
        startedAt: Date.parse(createdAt),
        durationMs: null,
        parent: cutOrNull(payload["parent"]),
        first: sequence,
        last: null,
      });
    } else if (type === "step.completed" && isEnd(payload["status"])) {
      const begun = told.get(id);
      const spanMs = begun?.startedAt == null ? null : Math.max(0, Date.parse(createdAt) - begun.startedAt);
      const measured = numberOr(payload["duration_ms"], -1);
      told.set(id, {
        ...(begun ?? { id, name: shownName(id), startedAt: null, parent: null, first: null }),
        status: payload["status"],
        durationMs: measured >= 0 ? measured : spanMs,
        last: sequence,
      });
    }
  }
  return told;
}

const isEnd = (status: unknown): status is Step["status"] =>
  status === "succeeded" || status === "failed" || status === "skipped";

/**
 * The step a failed run failed in: of the failed ones in which no other failed the one that ended last; else the innermost that was running.
 */
export function failedStep(steps: readonly Step[]): Step | null {
  const failed = steps.filter(({ status }) => status === "failed");
  const blamed = new Set(failed.map(({ parent }) => parent));
  const innermost = failed.filter(({ id }) => !blamed.has(id));
  const last = innermost.toSorted((a, b) => (a.last ?? Infinity) - (b.last ?? Infinity)).at(-1);
  return last ?? failed.at(-1) ?? steps.findLast(({ status }) => status === "running") ?? null;
}

/** The steps that it lies in, outermost first, then itself. */
export function pathTo(step: Step, steps: readonly Step[]): Step[] {
  const path = [step];
  const from = steps.findIndex(({ id }) => id === step.id);
  for (let at = from - 1; at >= 0; at -= 1) {
    const other = steps[at];
    if (other !== undefined && other.depth < (path[0] ?? step).depth) path.unshift(other);
  }
  return path;
}
