import type { StoredRun } from "../../core/ports.ts";

/** What a badge and a link preview say of a run, and no more: whoever has the key sees it. */

/** As the pages name it. */
export const nameOf = (run: Pick<StoredRun, "name" | "workflow_id" | "run_id">): string =>
  run.name ?? run.workflow_id ?? `run ${run.run_id.slice(-12)}`;

/** `running 42 %`, `succeeded`, `running, silent`: what stands in a badge. */
export function statusInWords({ status, stale, progress }: StoredRun): string {
  if (stale) return `${status}, silent`;
  const percent = progress?.percent ?? null;
  return status === "running" && percent !== null ? `running ${Math.floor(percent)} %` : status;
}

/** `Failed with exit code 2 after 3 min 12 s.`: one sentence for a link's preview. */
export function describeRun(run: StoredRun, now: number): string {
  const exit = run.status === "failed" && run.exit_code !== null ? ` with exit code ${run.exit_code}` : "";
  const word = statusInWords(run);
  const said = word.charAt(0).toUpperCase() + word.slice(1) + exit;
  if (run.duration_ms !== null) return `${said} after ${spanInWords(run.duration_ms)}.`;
  if (run.started_at !== null) return `${said}, for ${spanInWords(now - Date.parse(run.started_at))} so far.`;
  return `${said}.`;
}

/** Two units at most, rounded down: `840 ms`, `12 s`, `3 min 12 s`, `2 h 4 min`, `3 d 1 h`. */
export function spanInWords(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.floor(ms))} ms`;
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ] as const;
  let rest = Math.floor(ms / 1000);
  const parts = units.map(([unit, seconds]) => {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    return { unit, count };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(({ count }) => count > 0)
    .map(({ unit, count }) => `${count} ${unit}`)
    .join(" ");
}
