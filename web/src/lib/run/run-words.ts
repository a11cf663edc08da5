import type { Run } from "../../../../protocol/api.ts";

/** What a run is called: its name, else its workflow, else the end of its id, which differs between runs of one second. */
export const nameOf = (run: Pick<Run, "name" | "workflow_id" | "run_id">): string =>
  run.name ?? run.workflow_id ?? `run ${run.run_id.slice(-12)}`;

/** Why a run failed, in one line; the empty string when nothing is known. */
export function failureInWords(run: Pick<Run, "failure" | "exit_code" | "status">): string {
  if (run.status !== "failed") return "";
  const exit = run.exit_code === null ? "" : `exit ${run.exit_code}`;
  return [exit, run.failure?.code ?? "", run.failure?.message ?? ""].filter((part) => part !== "").join("  ");
}
