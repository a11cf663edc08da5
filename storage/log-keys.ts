import type { RunAddress, SegmentKey } from "../core/ports.ts";

/** Every key of a run in R2. The contract fixes them: other systems read them. */
export const runPrefix = ({ workspaceId, runId }: RunAddress): string => `workspaces/${workspaceId}/runs/${runId}/`;

const logsPrefix = (run: RunAddress): string => `${runPrefix(run)}logs/`;
const padded = (sequence: number): string => String(sequence).padStart(16, "0");

export const segmentKey = (run: RunAddress, segment: SegmentKey): string =>
  `${logsPrefix(run)}segments/${padded(segment.firstSequence)}-${padded(segment.lastSequence)}.ndjson`;
export const wholeLogKey = (run: RunAddress): string => `${logsPrefix(run)}events.ndjson`;
export const indexKey = (run: RunAddress): string => `${logsPrefix(run)}index.bin`;
export const timelineKey = (run: RunAddress): string => `${logsPrefix(run)}timeline.ndjson`;
export const manifestKey = (run: RunAddress): string => `${logsPrefix(run)}manifest.json`;
