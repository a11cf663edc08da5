import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { isTerminal } from "../../protocol/event.ts";
import type { Refusal } from "../../protocol/error-code.ts";
import type { Manifest } from "../../protocol/proof/manifest.ts";
import { parseLiveQuery, parseProduceQuery, type LiveQuery } from "../../protocol/read-query.ts";
import { LIVE_SUBPROTOCOL, PRODUCE_SUBPROTOCOL } from "../../protocol/version.ts";
import { isOfTimeline } from "../../core/index/read-timeline.ts";
import type { StoredRun } from "../../core/ports.ts";
import { D1RunIndex } from "../../storage/d1-run-index.ts";
import { R2Archive } from "../../storage/r2-archive.ts";
import { R2LogReader } from "../../storage/r2-log-reader.ts";
import { callerOf, type App } from "../app-context.ts";
import { ARCHIVED_IN_HEADER } from "../env.ts";
import { noteIncomplete } from "../note-incomplete.ts";
import { runObject } from "../objects.ts";
import { newRoutes, refusals } from "../open-api.ts";
import { liveQuerySchema, produceQuerySchema } from "../parameters.ts";
import { problem } from "../problem.ts";
import { noteSkipped } from "../reading/note-skipped.ts";
import { replaySocket } from "../reading/replay-socket.ts";
import { archivedReplay, streamedReplay } from "../reading/replay-log.ts";
import { replayShare } from "../reading/replay-share.ts";
import { runLog } from "../reading/run-log.ts";
import { isRunId } from "../run-id.ts";
import { refuseUpgrade, withCaller } from "../web-socket.ts";

const params = z.object({ id: z.string() });

export const socketRoutes = newRoutes()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/runs/{id}/live",
      summary: `Watch a run, by WebSocket (${LIVE_SUBPROTOCOL})`,
      request: { params, query: liveQuerySchema },
      responses: {
        101: { description: "The socket: hello, every event after the position, then live" },
        ...refusals("INVALID_QUERY", "UNAUTHENTICATED", "RUN_NOT_FOUND", "UPGRADE_REQUIRED", "TOO_MANY_WATCHERS"),
      },
    }),
    async (c) => watch(c, c.req.valid("param").id),
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/runs/{id}/produce",
      summary: `Append to a run, by WebSocket (${PRODUCE_SUBPROTOCOL})`,
      request: { params, query: produceQuerySchema },
      responses: {
        101: { description: "The socket: hello with the number that is expected next" },
        ...refusals(
          "INVALID_QUERY",
          "UNAUTHENTICATED",
          "FORBIDDEN",
          "PRODUCER_FENCED",
          "RUN_NOT_FOUND",
          "RUN_ENDED",
          "UPGRADE_REQUIRED",
        ),
      },
    }),
    async (c) => produce(c, c.req.valid("param").id),
  );

/**
 * An open run is watched at its object; an ended one is served from R2 by this Worker, and costs no object. Who stays after the end stays with the
 * others, so their socket is the object's in any case.
 */
async function watch(c: Context<App>, runId: string): Promise<Response> {
  const refusal = refuseUpgrade(c, LIVE_SUBPROTOCOL);
  if (refusal !== null) return problem(c, refusal);
  const query = parseLiveQuery(new URL(c.req.url).searchParams);
  if (query.kind === "refused") return problem(c, query.refusal);
  if (!isRunId(runId)) return notFound(c, runId);
  const row = await new D1RunIndex(c.env.DB).get(runId);
  if (row === null) return notFound(c, runId);
  const { run } = row;
  const reader = new R2LogReader(c.env.ARCHIVE, { workspaceId: run.workspace_id, runId });
  const request = withCaller(c);
  if (query.value.stay) request.headers.set(ARCHIVED_IN_HEADER, run.workspace_id);
  // What has ended and is not in the archive yet is its object's, which holds it once for all that ask.
  let manifest = isTerminal(run.status) && !query.value.stay ? await reader.manifest() : null;
  if (manifest === null) {
    const answer = await runObject(c.env, runId).fetch(request);
    if (answer.status === 101) return answer;
    if (answer.status !== 404) return problem(c, await answer.json<Refusal>());
    // It was archived since D1 was asked, or its manifest is gone.
    manifest = await reader.manifest();
  }
  return replay(c, { run, reader, manifest, headers: request.headers, query: query.value });
}

/** An archived run, from R2. */
function replay(
  c: Context<App>,
  from: { run: StoredRun; reader: R2LogReader; manifest: Manifest | null; headers: Headers; query: LiveQuery },
): Response {
  const { run, reader, manifest, headers, query } = from;
  const { afterSequence, types } = query;
  const runId = run.run_id;
  const damaged = (): Promise<void> => noteIncomplete(c.env, run, true);
  const skipped = noteSkipped(c, run);
  const log = runLog({ object: runObject(c.env, runId), reader, headers, isEnded: true, row: run, damaged, skipped });
  const archive = new R2Archive(c.env.ARCHIVE);
  return replaySocket({
    log:
      manifest === null || (types !== null && isOfTimeline(types))
        ? streamedReplay(log, query)
        : archivedReplay({ archive, run, manifest, afterSequence, share: replayShare, damaged, skipped }),
    share: replayShare,
    runId,
    head:
      manifest === null
        ? { status: run.status, lastSequence: run.last_sequence }
        : { status: manifest.status, lastSequence: manifest.events },
    query,
    expiresAt: callerOf(c).expiresAt,
    subprotocol: c.req.header("sec-websocket-protocol") ? LIVE_SUBPROTOCOL : null,
  });
}

async function produce(c: Context<App>, runId: string): Promise<Response> {
  const refusal = refuseUpgrade(c, PRODUCE_SUBPROTOCOL);
  if (refusal !== null) return problem(c, refusal);
  const query = parseProduceQuery(new URL(c.req.url).searchParams);
  if (query.kind === "refused") return problem(c, query.refusal);
  if (!isRunId(runId)) return notFound(c, runId);
  const answer = await runObject(c.env, runId).fetch(withCaller(c));
  if (answer.status === 101) return answer;
  if (answer.status !== 404) return problem(c, await answer.json<Refusal>());
  const row = await new D1RunIndex(c.env.DB).get(runId);
  if (row === null) return notFound(c, runId);
  return problem(c, { code: "RUN_ENDED", detail: "the run has ended; its log is closed" });
}

const notFound = (c: Context<App>, runId: string): Response =>
  problem(c, { code: "RUN_NOT_FOUND", detail: `there is no run ${runId}` });
