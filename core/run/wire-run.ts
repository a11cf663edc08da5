import type { Run as WireRun } from "../../protocol/api.ts";
import { parseRecord } from "../../protocol/ndjson.ts";
import type { StoredRun } from "../ports.ts";

/** The run as the API and the workspace's socket give it: its parameters as values that are encoded with their digits, and the address one watches it at. */
export const toWireRun = (run: StoredRun, origin: string): WireRun => ({
  ...run,
  parameters: parseRecord(run.parameters),
  watch_url: `${origin}/runs/${run.run_id}`,
});
