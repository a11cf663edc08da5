import type { Context } from "hono";
import type { StoredRun } from "../core/ports.ts";
import type { CreateRun } from "../protocol/api.ts";
import type { Refusal } from "../protocol/error-code.ts";
import { LIMITS } from "../protocol/limits.ts";
import { encodePayload, isRecord, parseRecord, utf8Length } from "../protocol/ndjson.ts";
import { D1Idempotency } from "../storage/d1-idempotency.ts";
import { callerOf, type App } from "./app-context.ts";
import { findRun, indexOf } from "./known-runs.ts";
import { runObject } from "./objects.ts";
import { newRunId } from "./run-id.ts";
import { sha256Hex } from "./secrets.ts";

export type Creation = { kind: "created"; run: StoredRun } | { kind: "refused"; refusal: Refusal };

/** What a run is asked to be: the judged body, its parameters apart, as text that keeps their digits. */
type Wanted = { body: Omit<CreateRun, "parameters">; parameters: string };

/**
 * Makes a run in a workspace that is there, or finds the one that the same key and body made before. It is in D1, and so in every list, when
 * this resolves.
 */
export async function createRun(c: Context<App>, workspaceId: string, judged: CreateRun): Promise<Creation> {
  const { parameters: _judged, ...body } = judged;
  const parameters = encodeParameters(c.get("bodyText") ?? "{}");
  const refusal = refuseCreation({ body, parameters });
  if (refusal !== null) return { kind: "refused", refusal };

  const now = Date.now();
  const runId = newRunId(now);
  const wanted = { workspaceId, body, parameters };
  const key = c.req.header("idempotency-key");
  if (key === undefined) return make(c, { ...wanted, runId });

  const { principal } = callerOf(c);
  const fingerprint = await sha256Hex(JSON.stringify([body, parameters]));
  const claim = await new D1Idempotency(c.env.DB).claim(
    // The same key in another workspace is another request.
    { principalId: principal.id, key: `${workspaceId}/${key}`, fingerprint, runId },
    now,
  );
  switch (claim.kind) {
    case "mismatch":
      return {
        kind: "refused",
        refusal: {
          code: "IDEMPOTENCY_MISMATCH",
          detail: "this Idempotency-Key came with another body within the last 24 hours",
        },
      };
    case "repeat": {
      // D1 first: the object of a run that was archived is empty, and would take the run for a new one.
      const known = await findRun(c, claim.runId);
      if (known !== null) return { kind: "created", run: known };
      // Deleted since the key was looked at: its object must not be brought into being again. [DEL2]
      const isDeleted = await indexOf(c).isBuried(claim.runId);
      return make(c, { ...wanted, runId: isDeleted ? runId : claim.runId });
    }
    case "fresh":
      return make(c, { ...wanted, runId });
  }
}

/** By its id creating is idempotent: two requests with one key, at the same moment, get one run from one object. */
async function make(c: Context<App>, wanted: Wanted & { runId: string; workspaceId: string }): Promise<Creation> {
  const queuedBy = callerOf(c).principal.name;
  return runObject(c.env, wanted.runId).create({ ...wanted, queuedBy });
}

/** The parameters of a judged body as the log will have them: every number with its digits, every name as data, `__proto__` too. */
export function encodeParameters(bodyText: string): string {
  const { parameters } = parseRecord(bodyText);
  return isRecord(parameters) ? encodePayload(parameters) : "{}";
}

/** What the schema cannot say of a body: sizes that are counted over the whole. */
export function refuseCreation({ body, parameters }: Wanted): Refusal | null {
  const keys = Object.keys(parseRecord(parameters)).length;
  if (keys > LIMITS.parametersKeys) {
    return { code: "INVALID_BODY", detail: `parameters: ${keys} keys; at most ${LIMITS.parametersKeys}` };
  }
  const bytes = utf8Length(parameters);
  if (bytes > LIMITS.parametersBytes) {
    return { code: "INVALID_BODY", detail: `parameters: ${bytes} bytes; at most ${LIMITS.parametersBytes}` };
  }
  return refuseLabels(body.labels ?? {});
}

export function refuseLabels(labels: Record<string, string>): Refusal | null {
  const count = Object.keys(labels).length;
  return count > LIMITS.labels ? { code: "INVALID_BODY", detail: `labels: ${count}; at most ${LIMITS.labels}` } : null;
}

/** A key that could not be stored or compared as it came. */
export function refuseKey(key: string | undefined): Refusal | null {
  if (key === undefined || /^[\x20-\x7e]{1,200}$/.test(key)) return null;
  return { code: "INVALID_QUERY", detail: "Idempotency-Key: 1 to 200 printable ASCII characters" };
}
