import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RuncastApi } from "./api.ts";
import type { Answer } from "./api.ts";
import { NodeWebSocket } from "./node-web-socket.ts";
import { RunProducer } from "./run-producer.ts";
import type { MemoryRun } from "./testing/memory-run.ts";
import { MemoryServer } from "./testing/memory-server.ts";
import type { RefusedHere } from "./testing/memory-server.ts";
import { until } from "./testing/until.ts";
import { watchRun } from "./watch-run.ts";
import { watchWorkspace } from "./watch-workspace.ts";

/** Every call of our own clients, against a server that is busy, restarted, or behind a proxy that finds nobody. */

let server: MemoryServer;
let run: MemoryRun;
const stops: Array<() => void> = [];
beforeEach(async () => {
  server = await MemoryServer.start();
  run = server.addRun();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await server.down();
});

const BUSY: RefusedHere[] = [{ status: 503 }, { status: 429, retryAfter: "0" }];
const NOBODY: RefusedHere[] = ["cut", { status: 502 }, { status: 504 }];
const refuseFirst = (...refusals: RefusedHere[]) => {
  server.refusalOf = (_route, before) => refusals[before] ?? null;
};
const asked = (route: string) => server.askedAt.get(route) ?? [];
/** The shortest wait between two of them. */
const shortestGap = (times: number[]) => Math.min(...times.slice(1).map((at, index) => at - (times[index] ?? 0)));
const apiOf = (patienceMs: number) => new RuncastApi({ url: server.url, token: server.token, patienceMs });
const problemOf = <T>(answer: Answer<T>) => (answer.kind === "problem" ? answer.problem : null);

describe("a request that may be repeated", () => {
  const EACH: [string, (api: RuncastApi) => Promise<Answer<unknown>>][] = [
    ["GET /api/runs/:id", (api) => api.getRun(run.runId)],
    ["GET /api/workspaces/default/runs", (api) => api.listRuns("default")],
    ["PUT /api/runs/:id/artifacts/a", (api) => api.putArtifact(run.runId, "a", new Blob(["a"]))],
    ["POST /api/workspaces/default/runs", (api) => api.createRun("default", {}, "key")],
    ["POST /api/runs/:id/heartbeat", (api) => api.heartbeat(run.runId)],
  ];
  test.each(EACH)("%s: through 503, 429, a cut, 502 and 504 to its answer", async (route, ask) => {
    for (const troubles of [BUSY, NOBODY]) {
      server.askedAt.clear();
      refuseFirst(...troubles);
      expect(await ask(apiOf(20_000))).toMatchObject({ kind: "ok" });
      expect(asked(route)).toHaveLength(troubles.length + 1);
      expect(shortestGap(asked(route))).toBeGreaterThanOrEqual(95);
    }
  });

  test("waits as long as it is asked to", async () => {
    refuseFirst({ status: 503, retryAfter: "1" }, { status: 429, retryAfter: "1" });
    expect(await apiOf(10_000).getRun(run.runId)).toMatchObject({ kind: "ok" });
    expect(shortestGap(asked("GET /api/runs/:id"))).toBeGreaterThanOrEqual(1_000);
  });

  test("is given up in time, after a few tries, with the server's last word", async () => {
    server.refusalOf = () => ({ status: 503 });
    const begunAt = performance.now();
    const told: number[] = [];
    const { url, token } = server;
    const api = new RuncastApi({ url, token, patienceMs: 1_500, onRetry: ({ status }) => told.push(status ?? 0) });
    expect(problemOf(await api.getRun(run.runId))).toMatchObject({ status: 503, retry: true });
    expect(performance.now() - begunAt).toBeLessThan(2_500);
    const tries = asked("GET /api/runs/:id").length;
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThan(16);
    expect(told).toEqual(Array(tries - 1).fill(503));
  });

  test("is given up at once when the server asks for more patience than there is", async () => {
    server.refusalOf = () => ({ status: 429, retryAfter: "60" });
    expect(problemOf(await apiOf(3_000).getRun(run.runId))).toMatchObject({ status: 429, retryAfterMs: 60_000 });
    expect(asked("GET /api/runs/:id")).toHaveLength(1);
  });

  test("is not repeated by who did not ask for it, nor after somebody has left", async () => {
    server.refusalOf = () => ({ status: 503 });
    await new RuncastApi({ url: server.url, token: server.token }).getRun(run.runId);
    expect(asked("GET /api/runs/:id")).toHaveLength(1);
    const gone = AbortSignal.timeout(50);
    await apiOf(10_000).getRun(run.runId, gone);
    expect(asked("GET /api/runs/:id")).toHaveLength(2);
  });

  test.each([400, 401, 403, 404, 409, 410, 412, 422])(
    "is not repeated after %d: it would be answered alike",
    async (status) => {
      refuseFirst({ status, retryAfter: "0" });
      expect(problemOf(await apiOf(2_000).getRun(run.runId))).toMatchObject({ status });
      expect(asked("GET /api/runs/:id")).toHaveLength(1);
    },
  );

  test("a deletion whose answer was lost is done when the run is gone", async () => {
    refuseFirst("cut", { status: 404 });
    expect(await apiOf(5_000).deleteRun(run.runId)).toEqual({ kind: "ok", value: undefined });
    server.askedAt.clear();
    refuseFirst({ status: 404 });
    expect(problemOf(await apiOf(5_000).deleteRun(run.runId))).toMatchObject({ status: 404 });
  });
});

describe("a request that does something each time", () => {
  const EACH: [string, (api: RuncastApi) => Promise<Answer<unknown>>][] = [
    ["POST /api/runs/:id/cancel", (api) => api.cancelRun(run.runId)],
    ["PATCH /api/runs/:id", (api) => api.editRun(run.runId, { name: "x" })],
  ];
  test.each(EACH)(
    "%s: without an answer, or after one that does not say so, nobody knows: once",
    async (route, ask) => {
      for (const refusal of ["cut", { status: 503, retryAfter: "0" }, { status: 504 }] as const) {
        server.askedAt.clear();
        server.refusalOf = () => refusal;
        expect(await ask(apiOf(2_000))).toMatchObject({ kind: "problem" });
        expect(asked(route)).toHaveLength(1);
      }
    },
  );
  test.each(EACH)("%s: refused for coming too often it was not carried out: again", async (route, ask) => {
    refuseFirst({ status: 429, retryAfter: "0" });
    await ask(apiOf(2_000));
    expect(asked(route)).toHaveLength(2);
  });
});

describe("a socket", () => {
  const quick = { firstRetryMs: 20, maxRetryMs: 200 };
  const watch = (transport: "websocket" | "sse") => {
    const lines: number[] = [];
    const { url, token } = server;
    const { runId } = run;
    const onLines = (some: { sequence: number }[]) => void lines.push(...some.map(({ sequence }) => sequence));
    const watched = watchRun({ url, token, runId, transport, webSocket: NodeWebSocket, timing: quick, onLines });
    stops.push(() => watched.stop());
    return { watched, lines };
  };

  test.each([
    ["websocket", "GET /api/runs/:id/live"],
    ["sse", "GET /api/runs/:id"],
    ["sse", "GET /api/runs/:id/events"],
  ] as const)("by %s: %s asks for patience and is given it; then each line once", async (transport, route) => {
    server.refusalOf = (asking, before) =>
      asking === route
        ? ([
            { status: 429, retryAfter: "1" },
            { status: 503, retryAfter: "1" },
          ][before] ?? null)
        : null;
    const { watched, lines } = watch(transport);
    await until(() => watched.connection.kind === "live");
    expect(asked(route)).toHaveLength(3);
    expect(shortestGap(asked(route))).toBeGreaterThanOrEqual(1_000);
    expect(lines).toEqual(run.lines.map(({ sequence }) => sequence));
  });

  test("a run's: greeted and turned away at once, again and again, it comes back ever more slowly", async () => {
    server.closesGreeted = 1012;
    watch("websocket");
    await sleep(1_500);
    expect(asked("GET /api/runs/:id/live").length).toBeLessThan(40);
    expect(asked("GET /api/runs/:id/live").length).toBeGreaterThan(3);
  });

  test("a workspace's: the same, and it is live when the server is", async () => {
    server.closesGreeted = 1012;
    const { url, token } = server;
    const workspace = watchWorkspace({
      url,
      token,
      workspaceId: "default",
      webSocket: NodeWebSocket,
      timing: quick,
      onRun: () => {},
      onRunDeleted: () => {},
    });
    stops.push(() => workspace.stop());
    await sleep(1_500);
    expect(asked("GET /api/workspaces/default/live").length).toBeLessThan(40);
    server.closesGreeted = null;
    await until(() => workspace.connection.kind === "live");
  });
});

describe("a producer", () => {
  const produce = (heartbeatMs: number) => {
    const { url, token } = server;
    const timing = { gatherMs: 1, heartbeatMs, firstRetryMs: 5, maxRetryMs: 40 };
    const producer = new RunProducer({ url, token, runId: run.runId, timing });
    stops.push(() => producer.stop());
    return producer;
  };
  const line = { type: "console.line", payload: { stream: "stdout", message: "x" } };

  test("waits with its batch as long as it is asked to, and stores it once", async () => {
    refuseFirst({ status: 429, retryAfter: "1" }, { status: 503, retryAfter: "1" }, "cut", { status: 502 });
    const producer = produce(60_000);
    await producer.write(line);
    expect(await producer.flush()).toMatchObject({ kind: "stored" });
    const times = asked("POST /api/runs/:id/events");
    expect(times).toHaveLength(5);
    expect(shortestGap(times.slice(0, 3))).toBeGreaterThanOrEqual(1_000);
    expect(run.console).toHaveLength(1);
  });

  test("with nothing to say asks no more often than it is told, and goes on when it may", async () => {
    server.refusalOf = (_route, before) => (before < 2 ? { status: 503, retryAfter: "1" } : null);
    const producer = produce(10);
    await until(() => run.heartbeats > 3);
    const times = asked("POST /api/runs/:id/heartbeat");
    expect(shortestGap(times.slice(0, 3))).toBeGreaterThanOrEqual(1_000);
    expect(producer.state.kind).toBe("delivering");
  });
});
