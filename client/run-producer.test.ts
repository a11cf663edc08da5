import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { BatchNumber, OutgoingBatch } from "./outbox.ts";
import { OutgoingLines } from "./outgoing-lines.ts";
import { encodeEvent } from "./producer-event.ts";
import { readRetryAfter } from "./run-problem.ts";
import { RunProducer } from "./run-producer.ts";
import type { ProducerEvent, ProducerState, RunProducerOptions } from "./run-producer.ts";
import type { MemoryRun } from "./testing/memory-run.ts";
import { MemoryServer } from "./testing/memory-server.ts";
import type { Fault } from "./testing/memory-server.ts";

let server: MemoryServer;
let run: MemoryRun;
const producers: RunProducer[] = [];

beforeEach(async () => {
  server = await MemoryServer.start();
  run = server.addRun();
});
afterEach(async () => {
  for (const producer of producers.splice(0)) producer.stop();
  await server.down();
});

const line = (message: string): ProducerEvent => ({ type: "console.line", payload: { stream: "stdout", message } });
const produce = (more: Partial<RunProducerOptions> = {}): RunProducer => {
  const producer = new RunProducer({
    url: server.url,
    token: server.token,
    runId: run.runId,
    timing: { gatherMs: 5, firstRetryMs: 2, maxRetryMs: 10 },
    ...more,
  });
  producers.push(producer);
  return producer;
};
const messages = () => run.console.map(({ message }) => message);
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`);

test("the first line goes at once, what follows is gathered", async () => {
  const producer = produce({ timing: { gatherMs: 10_000 } });
  await producer.write(line("first"));
  await vi.waitFor(() => expect(messages()).toEqual(["first"]), 5_000);
  for (const message of numbered(50)) await producer.write(line(message));
  await sleep(80);
  expect(messages()).toHaveLength(1);
  await producer.flush();
  expect(messages()).toEqual(["first", ...numbered(50)]);
  expect(server.appends).toBe(2);
});

test("end writes run.completed behind everything and says when it is stored", async () => {
  const producer = produce();
  await producer.write({ type: "step.started", step: "a", payload: { name: "a" }, source: "me" });
  await producer.write(line("last"));
  const delivery = await producer.end({ status: "failed", exit_code: 3, failure: { code: "EXIT_CODE", message: "3" } });
  expect(delivery).toEqual({ kind: "stored", lastSequence: 4 });
  expect(run.lines.map(({ type }) => type)).toEqual(["run.queued", "step.started", "console.line", "run.completed"]);
  expect(run.completion).toMatchObject({ status: "failed", exit_code: 3, failure: { code: "EXIT_CODE" } });
  expect(producer.pendingEvents).toBe(0);
  expect(() => producer.write(line("late"))).toThrow(/ended/);
});

test("dropped answers, broken connections, refusals for now and delays: every line once, in order", async () => {
  const faults = fc.array(
    fc.constantFrom<Fault>("none", "drop_answer", "close_before", "delay", "unavailable", "busy"),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(faults, fc.array(fc.nat({ max: 40 }), { maxLength: 8 }), async (sequence, bursts) => {
      run = server.addRun();
      server.appends = 0;
      // Every third answer is lost, whatever else is wrong.
      server.faultOf = (append) =>
        append % 3 === 0 ? "drop_answer" : append % 7 === 0 ? "none" : (sequence[append % sequence.length] ?? "none");
      const producer = produce({ timing: { gatherMs: 1, firstRetryMs: 1, maxRetryMs: 4 } });
      const expected: string[] = [];
      for (const burst of bursts) {
        for (const message of numbered(burst)) {
          expected.push(message);
          await producer.write(line(message));
        }
        await sleep(1);
      }
      expect(await producer.end({ status: "succeeded" })).toMatchObject({ kind: "stored" });
      expect(messages()).toEqual(expected);
      expect(run.status).toBe("succeeded");
    }),
    { numRuns: 40 },
  );
});

test("the server goes and comes back: nothing is lost, and it was said", async () => {
  const states: ProducerState["kind"][] = [];
  const producer = produce({ onState: ({ kind }) => states.push(kind) });
  await producer.write(line("before"));
  await producer.flush();
  await server.down();
  for (const message of numbered(20)) await producer.write(line(message));
  await sleep(50);
  expect(producer.state).toMatchObject({ kind: "retrying", problem: { code: "UNREACHABLE" } });
  await server.listen();
  await producer.end({ status: "succeeded" });
  expect(messages()).toEqual(["before", ...numbered(20)]);
  expect(states.at(-1)).toBe("stored");
  expect(states).toContain("delivering");
});

test("a final refusal ends it, and the rest is counted", async () => {
  const producer = produce({ token: "wrong" });
  await producer.write(line("one"));
  await producer.write(line("two"));
  expect(await producer.flush()).toMatchObject({
    kind: "refused",
    problem: { code: "UNAUTHENTICATED", status: 401 },
    undelivered: 2,
  });
  await producer.write(line("three"));
  expect(producer.pendingEvents).toBe(3);
});

test("a repeat of the last batch after the end is no error", async () => {
  server.faultOf = (append) => (append === 1 ? "drop_answer" : "none");
  const producer = produce();
  await producer.write(line("one"));
  expect(await producer.end({ status: "succeeded" })).toMatchObject({ kind: "stored" });
  expect(server.appends).toBeGreaterThan(1);
  expect(messages()).toEqual(["one"]);
});

test("write waits while too much is unsent, and goes on when there is room", async () => {
  await server.down();
  const producer = produce({ bufferBytes: 10_000 });
  let waited = false;
  let written = 0;
  const writing = (async () => {
    for (; written < 30; written += 1) await producer.write(line("x".repeat(1_000)));
  })();
  await sleep(40);
  waited = written < 30;
  expect(waited).toBe(true);
  expect(producer.pendingBytes).toBeLessThan(12_000);
  await server.listen();
  await writing;
  await producer.flush();
  expect(messages()).toHaveLength(30);
});

test("control requests are told once, from appends and from heartbeats", async () => {
  const heard: string[] = [];
  const producer = produce({
    timing: { gatherMs: 5, heartbeatMs: 20 },
    onControl: ({ control_id }) => heard.push(control_id),
  });
  run.requestCancel("c1");
  await sleep(100);
  expect(heard).toEqual(["c1"]);
  run.requestCancel("c2");
  await producer.write(line("x"));
  await producer.flush();
  expect(heard).toEqual(["c1", "c2"]);
  await producer.write({ type: "control.acknowledged", payload: { control_id: "c1", outcome: "accepted" } });
  await producer.flush();
  expect(run.control.map(({ control_id }) => control_id)).toEqual(["c2"]);
});

test("a run that ended without its producer refuses the heartbeat", async () => {
  const producer = produce({ timing: { heartbeatMs: 20 } });
  run.complete({ status: "cancelled", exit_code: null, failure: null, createdAtMs: null, source: null, step: null });
  await sleep(100);
  expect(producer.state).toMatchObject({ kind: "refused", problem: { code: "RUN_ENDED" } });
});

test("a line the server will not take is replaced, and its neighbours keep their places", async () => {
  const producer = produce({ replaceRefused: (refused, { code }) => line(`${code}: ${refused.slice(0, 21)}`) });
  await producer.write(line("one"));
  await producer.write({ type: "artifact.created" });
  await producer.write(line("two"));
  await producer.flush();
  expect(messages()).toEqual(["one", 'RESERVED_TYPE: {"type":"artifact.cre', "two"]);
});

test("an event no line can hold is its writer's mistake", () => {
  const producer = produce();
  expect(() => producer.write(line("x".repeat(256 * 1024)))).toThrow(RangeError);
});

test("lines wait for a run that cannot be created yet; stop gives them up", async () => {
  const never = new Promise<string>(() => {});
  const producer = produce({ runId: never });
  await producer.write(line("one"));
  const flushed = producer.flush();
  producer.stop();
  expect(await flushed).toEqual({ kind: "stopped", undelivered: 1 });
});

test("lines that an outbox cannot give back are waited for by nobody", async () => {
  class Leaky extends OutgoingLines {
    override takeBatch(maxBytes: number, number: BatchNumber): OutgoingBatch {
      const { lines } = super.takeBatch(maxBytes, number);
      const body = new TextEncoder().encode(`${encodeEvent(line("instead"))}\n`);
      return { number, body, lines: 0, missing: lines };
    }
  }
  const producer = produce({ outbox: new Leaky() });
  for (const message of numbered(20)) void producer.write(line(message));
  expect(await producer.flush()).toMatchObject({ kind: "stored" });
  expect(messages()).toEqual(["instead"]);
  expect(producer.pendingEvents).toBe(0);
});

test("Retry-After may be seconds or a date", () => {
  const now = Date.parse("2026-11-21T00:00:00Z");
  expect(readRetryAfter("3", now)).toBe(3_000);
  expect(readRetryAfter("Sat, 21 Nov 2026 00:00:05 GMT", now)).toBe(5_000);
  expect(readRetryAfter("soon", now)).toBe(null);
  expect(readRetryAfter(null, now)).toBe(null);
});

test("an aborted signal gives up what is not stored, and leaves nothing behind on the signal", async () => {
  const controller = new AbortController();
  server.faultOf = () => "unavailable";
  const producer = produce({ signal: controller.signal });
  await producer.write(line("never"));
  const flushed = producer.flush();
  controller.abort();
  expect(await flushed).toEqual({ kind: "stopped", undelivered: 1 });
  expect(producer.state.kind).toBe("stopped");
  expect(produce({ signal: controller.signal }).state).toEqual({ kind: "stopped", undelivered: 0 });

  server.faultOf = () => "none";
  const lasting = new AbortController();
  const ended = produce({ signal: lasting.signal });
  expect(await ended.end({ status: "succeeded" })).toMatchObject({ kind: "stored" });
  lasting.abort();
  expect(ended.state.kind).toBe("stored");
});
