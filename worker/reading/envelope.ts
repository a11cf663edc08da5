import { EVENT_SCHEMA } from "../../protocol/version.ts";

/** What a line looks like to whom it is given. */
export type Dress = (sequence: number, line: string) => string;
export type EventIdentity = { run_id: string; workspace_id: string; workflow_id: string | null };

export const bare: Dress = (_sequence, line) => line;

/** `envelope=full`: what is the same for every line of a run stands in each, after its payload. The line itself is not encoded again. [EVT11] */
export function envelope({ run_id, workspace_id, workflow_id }: EventIdentity): Dress {
  const constant = JSON.stringify({ run_id, workspace_id, workflow_id, schema: EVENT_SCHEMA }).slice(1);
  return (sequence, line) =>
    // A line that does not end as one is damage, and stays what it is.
    line.endsWith("}}") ? `${line.slice(0, -1)},"event_id":"${run_id}/${sequence}",${constant}` : line;
}
