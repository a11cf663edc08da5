import type { Artifact } from "../../../../protocol/api.ts";

/** How an artifact can be looked at here. The server gives these types inline, in a sandbox; all else is only downloaded. */
export type ArtifactKind = "image" | "text" | "other";

const IMAGES: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
/** Read as text whatever they are called: shown as text nodes, they can do nothing. */
const TEXTS =
  /^(?:text\/|application\/(?:json|x-ndjson|xml|yaml|x-yaml|toml|javascript|x-sh)$|application\/[\w.-]+\+(?:json|xml)$)/;

export function kindOf({ media_type: mediaType }: Pick<Artifact, "media_type">): ArtifactKind {
  const type = mediaType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (IMAGES.has(type)) return "image";
  return TEXTS.test(type) ? "text" : "other";
}

export const artifactHref = (runId: string, name: string): string =>
  `/api/runs/${runId}/artifacts/${encodeURIComponent(name)}`;
