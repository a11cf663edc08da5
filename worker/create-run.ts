import type { Context } from "hono";
import type { StoredRun } from "../core/ports.ts";
import type { CreateRun } from "../protocol/api.ts";
import type { Refusal } from "../protocol/error-code.ts";
import { LIMITS } from "../protocol/limits.ts";
import { utf8Length } from "../protocol/ndjson.ts";
import { D1Idempotency } from "../storage/d1-idempotency.ts";
import { D1Workspaces } from "../storage/d1-workspaces.ts";
import { callerOf, type App } from "./app-context.ts";
import { findRun } from "./known-runs.ts";
import { runObject } from "./objects.ts";
import { newRunId } from "./run-id.ts";
import { sha256Hex } from "./secrets.ts";

export type Creation = { kind: "created"; run: StoredRun } | { kind: "refused"; refusal: Refusal };

/** Makes a run, or finds the one that the same key and body made before. It is in D1, and so in every list, when this resolves. */
export async function createRun(c: Context<App>, workspaceId: string, body: CreateRun): Promise<Creation> {
  const refusal = refuseCreation(body);
  if (refusal !== null) return { kind: "refused", refusal };
  if (!(await new D1Workspaces(c.env.DB).exists(workspaceId))) {
    return {
      kind: "refused",
      refusal: { code: "WORKSPACE_NOT_FOUND", detail: `there is no workspace ${workspaceId}` },
    };
  }

  const now = Date.now();
  const runId = newRunId(now);
  const key = c.req.header("idempotency-key");
  if (key === undefined) return make(c, { runId, workspaceId, body });

  const { principal } = callerOf(c);
  const fingerprint = await sha256Hex(JSON.stringify(body));
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
      return known === null ? make(c, { runId: claim.runId, workspaceId, body }) : { kind: "created", run: known };
    }
    case "fresh":
      return make(c, { runId, workspaceId, body });
  }
}

/** By its id creating is idempotent: two requests with one key, at the same moment, get one run from one object. */
async function make(
  c: Context<App>,
  wanted: { runId: string; workspaceId: string; body: CreateRun },
): Promise<Creation> {
  const queuedBy = callerOf(c).principal.name;
  return runObject(c.env, wanted.runId).create({ ...wanted, queuedBy });
}

/** What the schema cannot say of a body: sizes that are counted over the whole. */
export function refuseCreation(body: CreateRun): Refusal | null {
  const { parameters = {}, labels = {} } = body;
  const keys = Object.keys(parameters).length;
  if (keys > LIMITS.parametersKeys) {
    return { code: "INVALID_BODY", detail: `parameters: ${keys} keys; at most ${LIMITS.parametersKeys}` };
  }
  const bytes = utf8Length(JSON.stringify(parameters));
  if (bytes > LIMITS.parametersBytes) {
    return { code: "INVALID_BODY", detail: `parameters: ${bytes} bytes; at most ${LIMITS.parametersBytes}` };
  }
  if (holdsInfinity(parameters)) {
    return { code: "INVALID_BODY", detail: "parameters: a number is beyond what JSON readers can hold" };
  }
  const labelCount = Object.keys(labels).length;
  if (labelCount > LIMITS.labels)
    return { code: "INVALID_BODY", detail: `labels: ${labelCount}; at most ${LIMITS.labels}` };
  return null;
}

/** `1e400` is read as infinity, and would be stored as null. */
function holdsInfinity(value: unknown): boolean {
  const waiting = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next === "number" && !Number.isFinite(next)) return true;
    if (typeof next === "object" && next !== null) waiting.push(...Object.values(next));
  }
  return false;
}

/** A key that could not be stored or compared as it came. */
export function refuseKey(key: string | undefined): Refusal | null {
  if (key === undefined || /^[\x20-\x7e]{1,200}$/.test(key)) return null;
  return { code: "INVALID_QUERY", detail: "Idempotency-Key: 1 to 200 printable ASCII characters" };
}
