import type { Context } from "hono";
import type { Artifact } from "../../protocol/api.ts";
import type { R2Artifacts } from "../../storage/r2-artifacts.ts";
import type { App } from "../app-context.ts";
import { problem } from "../problem.ts";
import { parseByteRange } from "../reading/byte-range.ts";
import { isKnownAlready } from "../reading/if-none-match.ts";

/** What a browser may show in place: pictures, and text as text. Nothing that could run. */
const SHOWN_IN_PLACE = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"]);

/** Whatever a file is, and whatever it says it is: nothing in it may run here. [ART7] */
const FILE_POLICY = "sandbox; default-src 'none'";

export function artifactHeaders(artifact: Artifact, inline: boolean): Record<string, string> {
  const essence = artifact.media_type.split(";")[0]?.trim().toLowerCase() ?? "";
  const disposition = inline && SHOWN_IN_PLACE.has(essence) ? "inline" : "attachment";
  return {
    "content-type": artifact.media_type,
    "content-disposition": `${disposition}; ${fileName(artifact.name)}`,
    "content-security-policy": FILE_POLICY,
    etag: `"${artifact.sha256}"`,
    "accept-ranges": "bytes",
    // What is stored never changes, but who may see it can: kept by the browser, asked for each time.
    "cache-control": "private, no-cache",
  };
}

/** RFC 6266: plain ASCII for old readers, the whole name for all others. */
function fileName(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  const whole = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `filename="${plain}"; filename*=UTF-8''${whole}`;
}

/** The artifact, or what was asked of it. */
export async function answerArtifact(
  c: Context<App>,
  files: R2Artifacts,
  artifact: Artifact,
  inline: boolean,
): Promise<Response> {
  const headers = artifactHeaders(artifact, inline);
  const etag = `"${artifact.sha256}"`;
  if (isKnownAlready(c.req.header("if-none-match"), etag)) return new Response(null, { status: 304, headers });
  // A range of another version is no part of this one: If-Range falls back to the whole.
  const ifRange = c.req.header("if-range");
  const isSameVersion = ifRange === undefined || ifRange === etag;
  const range = parseByteRange(isSameVersion ? c.req.header("range") : undefined, artifact.bytes);
  if (range === "outside") {
    const refusal = { code: "RANGE_NOT_SATISFIABLE", detail: `the artifact has ${artifact.bytes} bytes` } as const;
    return problem(c, refusal, { "content-range": `bytes */${artifact.bytes}` });
  }
  const length = range === "whole" ? artifact.bytes : range.length;
  headers["content-length"] = String(length);
  if (range !== "whole")
    headers["content-range"] = `bytes ${range.offset}-${range.offset + length - 1}/${artifact.bytes}`;
  const status = range === "whole" ? 200 : 206;
  if (c.req.method === "HEAD" && (await files.has(artifact.name))) return new Response(null, { status, headers });
  const body = await files.read(artifact.name, range === "whole" ? null : range);
  if (body === null) {
    return problem(c, { code: "ARTIFACT_MISSING", detail: "its bytes are gone; upload the same file again" });
  }
  return new Response(body, { status, headers });
}
