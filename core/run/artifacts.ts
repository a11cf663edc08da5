import type { Artifact } from "../../protocol/api.ts";
import { isTerminal } from "../../protocol/event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { utf8Length } from "../../protocol/ndjson.ts";
import type { RunAddress } from "../ports.ts";
import type { LogKeeper } from "./log-keeper.ts";
import type { RunMemory } from "./run-memory.ts";

/** Where the artifact lies, as `output_paths` and the bucket name it. */
export const artifactPath = ({ workspaceId, runId }: RunAddress, name: string): string =>
  `workspaces/${workspaceId}/runs/${runId}/artifacts/${name}`;

/** The first of the paths, as many as fit: a line of the log has to hold them. [OUT1] */
export function pathsThatFit(run: RunAddress, names: readonly string[]): string[] {
  const paths: string[] = [];
  let bytes = 0;
  for (const name of names) {
    const path = artifactPath(run, name);
    bytes += utf8Length(JSON.stringify(path)) + 1;
    if (bytes > LIMITS.outputPathsBytes) break;
    paths.push(path);
  }
  return paths;
}

/** Every artifact that the run knows of: those that its log tells, and those that came after its end. */
export const artifactNames = ({ summary, lateArtifacts }: Pick<RunMemory, "summary" | "lateArtifacts">): string[] => [
  ...summary.artifacts.items.map(({ name }) => name),
  ...lateArtifacts,
];

/**
 * Tells the log of an open run that an artifact is there. After the end nothing may follow `run.completed`: then only the paths get it. Said again it
 * changes nothing. [OUT1] [OUT2]
 */
export function noteArtifact(log: LogKeeper, memory: RunMemory, artifact: Omit<Artifact, "created_at">): void {
  const { name, bytes, media_type, sha256 } = artifact;
  if (artifactNames(memory).includes(name)) return;
  if (isTerminal(memory.state.status)) return log.keepLateArtifact(memory, name);
  const payload = { name, bytes, media_type, sha256 };
  log.write(memory, (writer) => writer.writeServerEvent("artifact.created", null, payload));
}
