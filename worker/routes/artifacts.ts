import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import type { StoredRun } from "../../core/ports.ts";
import { artifactPath } from "../../core/run/artifacts.ts";
import { artifactListSchema, artifactNameSchema, artifactSchema, type Artifact } from "../../protocol/api.ts";
import { runIdSchema } from "../../protocol/event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { D1Artifacts } from "../../storage/d1-artifacts.ts";
import { R2Artifacts } from "../../storage/r2-artifacts.ts";
import { rowOf, type App } from "../app-context.ts";
import { answerArtifact } from "../artifacts/answer-artifact.ts";
import { receiveArtifact, type Reception } from "../artifacts/receive-artifact.ts";
import { indexOf } from "../known-runs.ts";
import { runObject } from "../objects.ts";
import { indexedRun, noRun } from "../middleware/known-run.ts";
import { answerHeader, answers, explain, newRoutes, refusals } from "../open-api.ts";
import { rangeHeadersSchema } from "../parameters.ts";
import { problem } from "../problem.ts";

const runParams = z.object({ id: runIdSchema });
const artifactParams = runParams.extend({ name: z.string() });
const namedArtifactSchema = artifactSchema.meta({ id: "Artifact" });
/** Any media type: the one that the uploader says. */
const anyBytes = { "*/*": { schema: z.string().meta({ format: "binary" }) } };
const fileHeaders = {
  ETag: answerHeader("Of the file's bytes", { type: "string" }, true),
  "Accept-Ranges": answerHeader("Ranges of bytes are given", { const: "bytes" }),
  "Content-Disposition": answerHeader("A file name; `inline` where that was asked and is safe"),
};
const bytesOf = (description: string, headers: Record<string, ReturnType<typeof answerHeader>> = {}) => ({
  description,
  headers: { ...fileHeaders, ...headers },
  content: anyBytes,
});

export const artifactRoutes = newRoutes()
  .openapi(
    createRoute({
      method: "put",
      path: "/api/runs/{id}/artifacts/{name}",
      summary: "Upload a file of a run, open or ended",
      middleware: [indexedRun] as const,
      request: {
        params: artifactParams,
        body: {
          required: false,
          content: anyBytes,
        },
      },
      responses: {
        200: answers(namedArtifactSchema, "It was there already, with the same bytes"),
        201: answers(namedArtifactSchema, "It is there, whole"),
        ...refusals(
          "UNAUTHENTICATED",
          "FORBIDDEN",
          "ORIGIN_REFUSED",
          "INVALID_QUERY",
          "RUN_NOT_FOUND",
          "ARTIFACT_DIFFERS",
          "ARTIFACT_LIMIT",
          "PAYLOAD_TOO_LARGE",
          "INVALID_BODY",
        ),
      },
    }),
    async (c) => {
      const { run } = rowOf(c);
      const name = parseName(c);
      if (name.kind === "bad") return problem(c, { code: "INVALID_BODY", detail: `name: ${name.reason}` });
      const mediaType = c.req.header("content-type") ?? "application/octet-stream";
      if (!isMediaType(mediaType)) return problem(c, { code: "INVALID_QUERY", detail: "Content-Type: no media type" });
      if (Number(c.req.header("content-length") ?? 0) > LIMITS.artifactBytes) {
        const detail = `an artifact holds at most ${LIMITS.artifactBytes} bytes`;
        return problem(c, { code: "PAYLOAD_TOO_LARGE", detail });
      }
      const received = receive(c, run, name.value, mediaType);
      // The client may leave: what it began is cleaned up all the same. What goes wrong is answered below.
      c.executionCtx.waitUntil(Promise.allSettled([received]));
      const reception = await received;
      switch (reception.kind) {
        case "created":
          return c.json(reception.artifact, 201);
        case "same":
          return c.json(reception.artifact, 200);
        case "gone":
          return noRun(c, run.run_id);
        case "refused":
          return problem(c, reception.refusal);
      }
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/runs/{id}/artifacts",
      summary: "The files of a run, oldest first",
      middleware: [indexedRun] as const,
      request: { params: runParams },
      responses: {
        200: answers(artifactListSchema.extend({ items: z.array(namedArtifactSchema) }), "All of them"),
        ...refusals("UNAUTHENTICATED", "RUN_NOT_FOUND"),
      },
    }),
    async (c) => {
      const items = await new D1Artifacts(c.env.DB).list(rowOf(c).run.run_id);
      return c.json({ items }, 200);
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/runs/{id}/artifacts/{name}",
      summary: "A file of a run, whole or a byte range",
      middleware: [indexedRun] as const,
      request: {
        params: artifactParams,
        query: z.object({ inline: z.enum(["true", "false"]).optional().describe("Show it, if its type is safe") }),
        headers: rangeHeadersSchema,
      },
      responses: {
        200: bytesOf("Its bytes, with the media type it was uploaded with"),
        206: bytesOf("The bytes of the range", {
          "Content-Range": answerHeader("Which bytes, of how many", { type: "string" }, true),
        }),
        304: { description: "As the ETag says", headers: fileHeaders },
        ...refusals(
          "UNAUTHENTICATED",
          "INVALID_QUERY",
          "RUN_NOT_FOUND",
          "ARTIFACT_NOT_FOUND",
          "ARTIFACT_MISSING",
          "RANGE_NOT_SATISFIABLE",
        ),
      },
    }),
    async (c) => {
      const { run } = rowOf(c);
      const name = parseName(c);
      const artifact = name.kind === "bad" ? null : await new D1Artifacts(c.env.DB).find(run.run_id, name.value);
      if (artifact === null)
        return problem(c, { code: "ARTIFACT_NOT_FOUND", detail: "the run has no artifact of that name" });
      return answerArtifact(c, filesOf(c, run), artifact, c.req.valid("query").inline === "true");
    },
  );

const filesOf = (c: Context<App>, run: StoredRun): R2Artifacts =>
  new R2Artifacts(c.env.ARCHIVE, { workspaceId: run.workspace_id, runId: run.run_id });

/** Takes the file in and tells the run. An upload that is repeated tells it again: a server may have died between the two. [OUT2] */
async function receive(c: Context<App>, run: StoredRun, name: string, mediaType: string): Promise<Reception> {
  const address = { workspaceId: run.workspace_id, runId: run.run_id };
  const ports = {
    artifacts: new D1Artifacts(c.env.DB),
    files: filesOf(c, run),
    now: () => Date.now(),
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
    maxBytes: LIMITS.artifactBytes,
  };
  const reception = await receiveArtifact(ports, { run: address, name, mediaType, body: c.req.raw.body });
  if (reception.kind === "created" || reception.kind === "same") await tellRun(c, run, reception.artifact);
  return reception;
}

async function tellRun(c: Context<App>, run: StoredRun, artifact: Artifact): Promise<void> {
  const noted = await runObject(c.env, run.run_id).noteArtifact(artifact);
  if (noted.kind === "noted") return;
  const path = artifactPath({ workspaceId: run.workspace_id, runId: run.run_id }, artifact.name);
  await indexOf(c).addOutputPath(run.run_id, path);
}

/** The name as it stands in the address, decoded once and by nobody else. */
function parseName(c: Context<App>): { kind: "name"; value: string } | { kind: "bad"; reason: string } {
  const encoded = new URL(c.req.url).pathname.split("/").at(-1) ?? "";
  let decoded: string;
  try {
    decoded = decodeURIComponent(encoded);
  } catch {
    // Not an exception of ours: the client wrote bytes that are no UTF-8.
    return { kind: "bad", reason: "is not percent-encoded UTF-8" };
  }
  const name = artifactNameSchema.safeParse(decoded);
  return name.success ? { kind: "name", value: name.data } : { kind: "bad", reason: explain(name.error) };
}

const isMediaType = (text: string): boolean =>
  text.length <= 200 && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(;[\x20-\x7e]*)?$/.test(text);
