import { detailsText, type Details } from "../core/run/edits.ts";
import { sha256Hex } from "./secrets.ts";

/**
 * The ETag of a run: it changes with what PATCH can change and with nothing else, so that a run that goes on does not refuse an edit. It is made of
 * the details alone: the same from an object, from D1, and after any restart.
 */
export const detailsTag = async (details: Details): Promise<string> =>
  `"${(await sha256Hex(detailsText(details))).slice(0, 32)}"`;

export type IfMatch = { kind: "any" } | { kind: "tags"; tags: string[] } | { kind: "unreadable" };

/** An `If-Match` header (RFC 9110 §13.1.1). A weak tag is kept as it stands, and so equals no strong one. */
export function parseIfMatch(header: string | undefined): IfMatch {
  if (header === undefined || header.trim() === "*") return { kind: "any" };
  const tags = header.split(",").map((tag) => tag.trim());
  return tags.every((tag) => /^(W\/)?"[\x21\x23-\x7e]*"$/.test(tag)) ? { kind: "tags", tags } : { kind: "unreadable" };
}
