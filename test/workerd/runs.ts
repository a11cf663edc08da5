import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { CreateRun, Run } from "../../protocol/api.ts";
import { call } from "./api.ts";

/** A run, as an operator makes it. */
export async function createRun(json: CreateRun = {}, workspaceId = "default"): Promise<Run> {
  const answer = await call("POST", `/api/workspaces/${workspaceId}/runs`, { as: "operator", json });
  expect(answer.status).toBe(202);
  return answer.json<Run>();
}

export const append = (runId: string, ...events: object[]): Promise<Response> =>
  call("POST", `/api/runs/${runId}/events`, {
    as: "operator",
    body: events.map((event) => `${JSON.stringify(event)}\n`).join(""),
    headers: { "content-type": "application/x-ndjson" },
  });

export const endRun = (runId: string, status = "succeeded"): Promise<Response> =>
  append(runId, { type: "run.completed", payload: { status } });

/** The run has ended, its log is in R2, and its object holds nothing any more. */
export async function archiveRun(runId: string, status = "succeeded"): Promise<void> {
  await endRun(runId, status);
  await vi.waitFor(async () => expect(await env.RUNS.getByName(runId).describe()).toEqual({ kind: "unknown" }), {
    timeout: 10_000,
  });
}
