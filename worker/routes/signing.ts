import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { signingKeySchema } from "../../protocol/api.ts";
import { isTerminal, runIdSchema } from "../../protocol/event.ts";
import { manifestSchema, SIGNATURE_ALGORITHM } from "../../protocol/proof/manifest.ts";
import { R2LogReader } from "../../storage/r2-log-reader.ts";
import { signingKeyOf } from "../../storage/signing-key.ts";
import { findRun } from "../known-runs.ts";
import { runObject } from "../objects.ts";
import { answers, newRoutes, refusals } from "../open-api.ts";
import { problem } from "../problem.ts";

/** What a log is proved with: its manifest, and the key that it is signed with. [SIG2] [SIG4] */
export const signingRoutes = newRoutes()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/signing-key",
      summary: "The public key of this instance: manifests of archived logs are signed with it",
      responses: {
        200: answers(signingKeySchema, "Ed25519, as in RFC 8032"),
        ...refusals("NOT_FOUND"),
      },
    }),
    async (c) => {
      const { RUNCAST_SECRET: secret } = c.env;
      if (!secret)
        return problem(c, {
          code: "NOT_FOUND",
          detail: "this server signs nothing: it was started without RUNCAST_SECRET",
        });
      const { keyId, publicKey } = await signingKeyOf(secret);
      return c.json({ algorithm: SIGNATURE_ALGORITHM, key_id: keyId, public_key: publicKey }, 200);
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/runs/{id}/manifest",
      summary: "`manifest.json` of an archived run, byte for byte: what its log is proved with, also offline",
      request: { params: z.object({ id: runIdSchema }) },
      responses: {
        200: answers(manifestSchema, "The stored file"),
        ...refusals("UNAUTHENTICATED", "RUN_NOT_FOUND", "NOT_FOUND", "RUN_OPEN", "LOG_INCOMPLETE"),
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const run = await findRun(c, id);
      if (run === null) return problem(c, { code: "RUN_NOT_FOUND", detail: `there is no run ${id}` });
      const file = await new R2LogReader(c.env.ARCHIVE, { workspaceId: run.workspace_id, runId: id }).manifestBytes();
      if (file !== null)
        return new Response(file, { headers: { "content-type": "application/json", "cache-control": "no-store" } });
      if (!isTerminal(run.status))
        return problem(c, {
          code: "RUN_OPEN",
          detail: `the run is ${run.status}; its manifest is written after its end`,
        });
      const held = await runObject(c.env, id).describe();
      return held.kind === "run"
        ? problem(c, { code: "NOT_FOUND", detail: "the log is being archived; ask again in a moment" })
        : problem(c, { code: "LOG_INCOMPLETE", detail: "the manifest of this log is missing" });
    },
  );
