import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AppendRequest } from "../../core/run/commands.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { RunWorld } from "../../test/fakes/run-world.ts";
import { appendOutput, type OutputRun } from "./append-output.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
afterEach(() => void vi.useRealTimers());

/** A run over fakes, and what it was asked. `trouble` may throw, or refuse, before or after the run has the batch. */
function world(trouble: { before?: () => void | Promise<void>; after?: () => void } = {}) {
  const run = new RunWorld();
  run.create();
  const asked: AppendRequest[] = [];
  const output: OutputRun = {
    append: async (request) => {
      asked.push(request);
      await trouble.before?.();
      const outcome = run.run.append(request);
      trouble.after?.();
      return outcome;
    },
    heartbeat: async () => run.run.heartbeat(),
  };
  const messages = () =>
    run
      .lines()
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === "console.line")
      .map(({ payload }) => payload.message);
  return { run, asked, output, messages };
}

const overloaded = (): Error => Object.assign(new Error("the object was reset"), { retryable: true });
const bodyOf = (...pieces: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
      controller.close();
    },
  });

test("[APP19] while a batch is on its way, hardly more of the body is read than is already there", async () => {
  const gate = Promise.withResolvers<void>();
  const { output, messages } = world({ before: () => gate.promise });
  const piece = new TextEncoder().encode(`${"x".repeat(1023)}\n`.repeat(64));
  let pieces = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pieces += 1;
      if (pieces > 100) controller.close();
      else controller.enqueue(piece);
    },
  });
  const appending = appendOutput(body, output, "s");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(pieces).toBeGreaterThan(1);
  expect(pieces * piece.length).toBeLessThan(512 * 1024);
  gate.resolve();
  expect(await appending).toMatchObject({ kind: "stored", stored: { accepted: 6_400 } });
  expect(messages()).toHaveLength(6_400);
});

test.each(["before", "after"] as const)(
  "[APP19] an object that is reset %s it has stored a batch is given it once more, and has it once",
  async (when) => {
    let failures = 3;
    const { output, messages, asked } = world({
      [when]: () => {
        if ((failures -= 1) >= 0) throw overloaded();
      },
    });
    const appending = appendOutput(bodyOf("one\n", "two\nthree"), output, "s");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await appending).toMatchObject({
      kind: "stored",
      stored: { firstSequence: 3, lastSequence: 5, accepted: 3 },
    });
    expect(messages()).toEqual(["one", "two", "three"]);
    expect(asked.length).toBeGreaterThan(3);
  },
);

test("[APP20] an archive that catches up is waited for; one that does not is a refusal with what was stored", async () => {
  const { run, output } = world();
  run.archive.interrupt = () => {
    throw new Error("R2 is away");
  };
  const line = `${"x".repeat(100_000)}\n`;
  const count = Math.ceil(LIMITS.unflushedBytes / 100_000) + 20;
  const appending = appendOutput(bodyOf(...Array.from({ length: count }, () => line)), output, "s");
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await Promise.race([appending, Promise.resolve("waiting")])).toBe("waiting");
  await vi.advanceTimersByTimeAsync(20_000);
  const outcome = await appending;
  expect(outcome).toMatchObject({ kind: "refused", refusal: { code: "UNFLUSHED_LIMIT" } });
  expect(outcome.stored.accepted).toBeGreaterThan(count - 40);
  expect(outcome.stored.accepted).toBeLessThan(count);
});

test("what is no passing trouble is not tried again", async () => {
  const { output, asked } = world({
    before: () => {
      throw new TypeError("a bug");
    },
  });
  await expect(appendOutput(bodyOf("one\n"), output, "s")).rejects.toThrow("a bug");
  expect(asked).toHaveLength(1);
});
