import type { RunAddress } from "../core/ports.ts";
import { readManifest, type Manifest } from "../protocol/proof/manifest.ts";
import { logSkipped } from "./server-log.ts";

/** A manifest that cannot be read says nothing, and must not hide what the log itself shows: it is as one that is missing. */
export function manifestOf({ runId }: RunAddress, file: string): Manifest | null {
  const reading = readManifest(file);
  if (reading.kind !== "unreadable") return reading.manifest;
  logSkipped("manifest", { run_id: runId });
  return null;
}
