import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import type { StoredRun } from "../../core/ports.ts";
import { verifyLog } from "../../core/reading/verify-log.ts";
import { proofSchema, type Proof } from "../../protocol/api.ts";
import { isTerminal, runIdSchema } from "../../protocol/event.ts";
import type { ProofStep } from "../../protocol/proof/prove-archive.ts";
import { R2LogReader } from "../../storage/r2-log-reader.ts";
import { signingKeyOf } from "../../storage/signing-key.ts";
import { rowOf, type App } from "../app-context.ts";
import { indexedRun } from "../middleware/known-run.ts";
import { noteIncomplete } from "../note-incomplete.ts";
import { runObject } from "../objects.ts";
import { newRoutes, refusals } from "../open-api.ts";
import { pulledStream } from "../reading/pulled-stream.ts";
import { storedBytes } from "../reading/stored-bytes.ts";

/** Progress is told this often; between two of these a client knows that nothing hangs. */
const PROGRESS_MS = 250;

export const verifyRoutes = newRoutes().openapi(
  createRoute({
    method: "post",
    path: "/api/runs/{id}/verify",
    summary:
      "Read the whole stored log and recompute its sequences and hashes; with Accept: application/x-ndjson, progress on the way",
    middleware: [indexedRun] as const,
    request: { params: z.object({ id: runIdSchema }) },
    responses: {
      200: {
        description:
          "What was found: complete is 1..head without gap or damage, and signed once it is archived; also while the run is open",
        content: {
          "application/json": { schema: proofSchema },
          "application/x-ndjson": {
            schema: z.string().describe('lines {"op":"progress","events","bytes"}, then the result'),
          },
        },
      },
      ...refusals("UNAUTHENTICATED", "ORIGIN_REFUSED", "RUN_NOT_FOUND"),
    },
  }),
  async (c) => {
    const steps = verifyRun(c, rowOf(c).run);
    if (c.req.header("accept")?.includes("application/x-ndjson") === true) {
      const headers = { "content-type": "application/x-ndjson", "cache-control": "no-store" };
      return new Response(pulledStream(progressLines(steps), new AbortController()), { headers });
    }
    return c.json(await proofOf(steps), 200);
  },
);

async function* verifyRun(c: Context<App>, run: StoredRun): AsyncGenerator<ProofStep, void> {
  const { RUNCAST_SECRET: secret } = c.env;
  const check = secret ? (await signingKeyOf(secret)).check : null;
  const runId = run.run_id;
  const reader = new R2LogReader(c.env.ARCHIVE, { workspaceId: run.workspace_id, runId });
  const known = { isEnded: isTerminal(run.status), lastSequence: run.last_sequence };
  for await (const step of verifyLog(storedBytes(runObject(c.env, runId), reader, check), known)) {
    if (step.kind === "proof" && isWhole(step.proof) === run.incomplete)
      await noteIncomplete(c.env, run, !isWhole(step.proof));
    yield step;
  }
}

/** Whether everything that was written is there. A manifest that another key signed, or none, says nothing against the lines. */
const isWhole = ({ gaps, damaged, manifest }: Proof): boolean =>
  gaps.length === 0 && damaged.length === 0 && manifest !== "contradictory" && manifest !== "edited";

async function proofOf(steps: AsyncGenerator<ProofStep, void>): Promise<Proof> {
  for await (const step of steps) if (step.kind === "proof") return step.proof;
  throw new Error("a verification ended without its result");
}

async function* progressLines(steps: AsyncGenerator<ProofStep, void>): AsyncGenerator<string> {
  let toldAt = Number.NEGATIVE_INFINITY;
  for await (const step of steps) {
    if (step.kind === "proof") yield `${JSON.stringify(step.proof)}\n`;
    else if (Date.now() - toldAt >= PROGRESS_MS) {
      toldAt = Date.now();
      yield `${JSON.stringify({ op: "progress", events: step.events, bytes: step.bytes })}\n`;
    }
  }
}
