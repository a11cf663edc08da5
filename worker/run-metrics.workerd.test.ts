import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Problem } from "../protocol/api.ts";
import { metricHistorySchema, type MetricHistory } from "../protocol/metric-history.ts";
import { call, seedTokens } from "../test/workerd/api.ts";
import { append, archiveRun, createRun } from "../test/workerd/runs.ts";

beforeAll(seedTokens);

const recorded = (name: string, value: number, more: object = {}): object => ({
  type: "metric.recorded",
  created_at: "2026-11-21T02:30:00.000Z",
  payload: { name, value, ...more },
});
const said = { type: "console.line", payload: { stream: "stdout", message: "epoch" } };

const ask = (runId: string, query: string): Promise<Response> =>
  call("GET", `/api/runs/${runId}/metrics?${query}`, { as: "viewer" });

async function history(runId: string, query: string): Promise<MetricHistory> {
  const answer = await ask(runId, query);
  expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
  return metricHistorySchema.parse(await answer.json());
}

const valuesOf = ({ items }: MetricHistory): number[][] => items.map(({ points }) => points.map(({ value }) => value));

describe("one run, open and archived", () => {
  let runId: string;
  beforeAll(async () => {
    ({ run_id: runId } = await createRun());
    // Behind `run.queued` and `run.started`.
    await append(
      runId,
      recorded("loss", 3, { unit: "nat" }),
      said,
      recorded("acc", 0.1, { at: 7 }),
      recorded("loss", 2),
    );
    await append(runId, said, recorded("loss", 5), recorded("loss", -1), said);
  });

  const expectAll = async (head: number): Promise<void> => {
    const created_at = "2026-11-21T02:30:00.000Z";
    const both = await history(runId, "name=acc&name=loss&name=none");
    expect(both).toEqual({
      items: [
        { name: "acc", unit: null, count: 1, points: [{ sequence: 5, created_at, value: 0.1, at: 7 }] },
        {
          name: "loss",
          unit: "nat",
          count: 4,
          points: [3, 2, 5, -1].map((value, at) => ({ sequence: [3, 6, 8, 9][at], created_at, value })),
        },
        { name: "none", unit: null, count: 0, points: [] },
      ],
      scanned_to: head,
      complete: true,
    });
    // Two buckets of two.
    expect(valuesOf(await history(runId, "name=loss&points=4"))).toEqual([[3, 2, 5, -1]]);
    expect(valuesOf(await history(runId, "name=loss&after_sequence=3"))).toEqual([[2, 5, -1]]);
    expect(await history(runId, `name=loss&after_sequence=${head}`)).toMatchObject({ scanned_to: head });
  };

  test("[MET2] while it is open", () => expectAll(10));

  test("[MET2] when it is archived", async () => {
    await archiveRun(runId);
    await expectAll(11);
  });

  test.each([
    ["", "name must say which metric"],
    ["name=", "a name must not be empty"],
    ["name=a&name=b&name=a", "nor stand there twice"],
    [Array.from({ length: 21 }, (_, at) => `name=${at}`).join("&"), "at most 20 names at once"],
    ["name=a&points=3", "points must be a whole number from 4 to 8192"],
    ["name=a&points=8193", "points must be a whole number from 4 to 8192"],
    ["name=a&points=2&points=3", "points: Invalid input"],
    ["name=a&after_sequence=1&from_sequence=2", "after_sequence and from_sequence say the same thing"],
  ])("[MET2] %s is refused in words", async (query, detail) => {
    const answer = await ask(runId, query);
    const body = await answer.json<Problem>();
    expect([answer.status, body.code]).toEqual([400, "INVALID_QUERY"]);
    expect(body.detail).toContain(detail);
  });
});

test("[MET2] what is damaged is left out and named in a header; where the whole log is gone: 410", async () => {
  const { run_id } = await createRun();
  await append(run_id, recorded("loss", 1), recorded("loss", 2), recorded("loss", 3));
  await archiveRun(run_id);
  const key = `workspaces/default/runs/${run_id}/logs/events.ndjson`;
  const lines = (await (await env.ARCHIVE.get(key))?.text())?.split("\n") ?? [];
  await env.ARCHIVE.put(key, lines.map((line, at) => (at === 3 ? "\0".repeat(line.length) : line)).join("\n"));
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const answer = await ask(run_id, "name=loss");
  expect(answer.headers.get("runcast-damaged")).toBe("4");
  expect(valuesOf(metricHistorySchema.parse(await answer.json()))).toEqual([[1, 3]]);
  warn.mockRestore();

  await env.ARCHIVE.delete(key);
  const gone = await ask(run_id, "name=loss");
  expect([gone.status, (await gone.json<Problem>()).code]).toEqual([410, "LOG_INCOMPLETE"]);
});
