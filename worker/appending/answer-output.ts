import type { Context } from "hono";
import type { AppendAnswer } from "../../protocol/api.ts";
import type { Refusal } from "../../protocol/error-code.ts";
import { D1RunIndex } from "../../storage/d1-run-index.ts";
import { packAppend } from "../../core/run/packed-append.ts";
import type { App } from "../app-context.ts";
import { runObject } from "../objects.ts";
import { problem } from "../problem.ts";
import { appendOutput, type OutputRun } from "./append-output.ts";

/** `?raw=true&stream=true`: the run is asked for first, so that nothing is read for nobody; then the body, as it comes. */
export async function answerOutput(c: Context<App>, runId: string): Promise<Response> {
  const run: OutputRun = {
    append: (request) => runObject(c.env, runId).append(packAppend(request)),
    heartbeat: () => runObject(c.env, runId).heartbeat(),
  };
  const first = await run.heartbeat();
  if (first.kind === "unknown") return problem(c, await whyUnknown(c, runId));
  if (first.kind === "refused") return problem(c, first.refusal);
  const { body } = c.req.raw;
  if (body === null) return c.json(answerOf({ firstSequence: null, lastSequence: null, accepted: 0 }, first.control));

  const appending = appendOutput(body, run, `stream-${crypto.randomUUID()}`);
  // A sender that leaves ends its request, but not what it had sent.
  c.executionCtx.waitUntil(appending);
  const outcome = await appending;
  const answer = answerOf(outcome.stored, outcome.control);
  if (outcome.kind !== "refused") return c.json(answer);
  const { first_sequence, last_sequence, accepted } = answer;
  const detail = `${outcome.refusal.detail} ${accepted} events of this stream are stored${last_sequence === null ? "" : `, the last as sequence ${last_sequence}`}; the rest is not.`;
  const refused = problem(c, { ...outcome.refusal, detail, stored: { first_sequence, last_sequence, accepted } });
  return keptOpen(refused, outcome.left);
}

/**
 * The same answer, whose end waits for the rest of the body to be let go: with its end the connection is closed, and a sender that is just sending
 * would find it broken before it has read why. [APP20]
 */
function keptOpen(answer: Response, left: Promise<void>): Response {
  const body = new TransformStream<Uint8Array, Uint8Array>({ flush: () => left });
  return new Response(answer.body?.pipeThrough(body), answer);
}

const answerOf = (
  { firstSequence, lastSequence, accepted }: Awaited<ReturnType<typeof appendOutput>>["stored"],
  control: AppendAnswer["control"],
): AppendAnswer => ({
  first_sequence: firstSequence,
  last_sequence: lastSequence,
  accepted,
  duplicate: false,
  control,
});

async function whyUnknown(c: Context<App>, runId: string): Promise<Refusal> {
  const row = await new D1RunIndex(c.env.DB).get(runId);
  return row === null
    ? { code: "RUN_NOT_FOUND", detail: `there is no run ${runId}` }
    : { code: "RUN_ENDED", detail: `The run has ${row.run.status}; its log is closed.` };
}
