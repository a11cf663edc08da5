import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import { matchesTypes } from "../../protocol/type-filter.ts";
import type { FakeClient } from "../fakes/fake-watchers.ts";
import { completion, event, line, RunWorld } from "../fakes/run-world.ts";
import { LONG_MS, runs } from "./settings.ts";

type Watching = { client: FakeClient; after: number; types: string[] | null; leftAtRandom: boolean };

const FILTERS: (string[] | null)[] = [null, null, ["step.*"], ["console.line", "run.completed"], ["metric.recorded"]];

type Step =
  | { do: "append"; producer: number; lines: number; bytes: number; type: number }
  | { do: "attach"; back: number; filter: number; stay: boolean }
  | { do: "leave" | "acknowledge" | "stop_reading"; watcher: number }
  | { do: "tick"; ms: number }
  | { do: "archive_fails" | "archive_hangs" | "archive_works" | "evict" | "settle" | "index_fails" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      producer: fc.nat(4),
      lines: fc.integer({ min: 1, max: 30 }),
      bytes: fc.constantFrom(10, 10, 10, 3_000, 40_000, 150_000),
      type: fc.nat(3),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("attach" as const),
      back: fc.integer({ min: -5, max: 60 }),
      filter: fc.nat(FILTERS.length - 1),
      stay: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("leave" as const, "acknowledge" as const, "acknowledge" as const, "stop_reading" as const),
      watcher: fc.nat(20),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("tick" as const), ms: fc.constantFrom(0, 1, 20, 1_000, 9_000, 61_000) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "archive_fails" as const,
        "archive_hangs" as const,
        "archive_works" as const,
        "evict" as const,
        "evict" as const,
        "settle" as const,
        "index_fails" as const,
      ),
    }),
  },
);

const DRAFTS = ["console.line", "step.started", "metric.recorded", "build.note"];

/** One random life of a run with its watchers, to its end and beyond. */
class Story {
  readonly world = new RunWorld();
  readonly watching: Watching[] = [];
  #batches = [0, 0, 0, 0, 0];
  #release: (() => void)[] = [];
  #appended = 0;

  constructor() {
    this.world.create({});
    this.world.append({ drafts: [event("run.started")] });
  }

  /** What needs no time happens at once: two steps can fall into one turn. */
  take(step: Step): Promise<void> | void {
    const { world } = this;
    switch (step.do) {
      case "append":
        return this.#append(step);
      case "attach": {
        const types = FILTERS[step.filter] ?? null;
        const head = world.recalled()?.state.last_sequence ?? 0;
        const after = Math.max(0, head - step.back);
        this.watching.push({
          client: world.watch({ after, types, stay: step.stay }),
          after,
          types,
          leftAtRandom: false,
        });
        return;
      }
      case "leave": {
        const watching = this.#pick(step.watcher);
        if (watching === undefined) return;
        watching.leftAtRandom = true;
        return world.leave(watching.client);
      }
      case "acknowledge": {
        const watching = this.#pick(step.watcher);
        if (watching !== undefined) world.acknowledge(watching.client);
        return;
      }
      case "stop_reading": {
        const watching = this.#pick(step.watcher);
        if (watching !== undefined) watching.client.isReading = false;
        return;
      }
      case "tick":
        return world.advance(step.ms);
      case "archive_fails":
        world.archive.interrupt = () => {
          throw new Error("R2 is away");
        };
        return;
      case "archive_hangs":
        world.archive.interrupt = () => new Promise((resolve) => this.#release.push(resolve));
        return;
      case "archive_works":
        return this.#archiveWorks();
      case "index_fails":
        world.indexFails = !world.indexFails;
        return;
      case "evict":
        return world.evict();
      case "settle":
        return world.settle();
    }
  }

  /** The run ends, everybody reads again, everything works again, and time enough passes. */
  async finish(): Promise<void> {
    this.world.indexFails = false;
    this.#archiveWorks();
    expect(this.world.append({ completes: completion("succeeded") })).toMatchObject({ kind: "appended" });
    for (let round = 0; round < 200; round += 1) {
      await this.world.advance(round < 20 ? 100 : 5_000);
      let isBusy = false;
      for (const { client, leftAtRandom } of this.watching) {
        if (leftAtRandom) continue;
        // What was sent before a close still arrives.
        client.isReading = true;
        client.read();
        if (client.closed !== null) continue;
        // No more than the contract asks of a client: an acknowledgement more would hide a watcher that nobody serves.
        if (client.outstandingBytes < LIMITS.ackEveryBytes) continue;
        isBusy = true;
        this.world.acknowledge(client);
      }
      for (const { client } of this.watching) if (client.closed !== null) this.world.leave(client);
      if (!isBusy && this.world.log.isEmpty()) return;
    }
  }

  #pick(at: number): Watching | undefined {
    const open = this.watching.filter(({ client, leftAtRandom }) => !leftAtRandom && client.closed === null);
    return open[at % Math.max(1, open.length)];
  }

  #append(step: Extract<Step, { do: "append" }>): void {
    const producer = step.producer;
    const sequence = (this.#batches[producer] ?? 0) + 1;
    const drafts = Array.from({ length: step.bytes > 1_000 ? Math.min(step.lines, 4) : step.lines }, () => {
      this.#appended += 1;
      const type = DRAFTS[step.type] ?? "console.line";
      const message = `${this.#appended} ${"x".repeat(step.bytes)}`;
      return type === "console.line" ? line(message) : event(type, { name: message, value: 1 });
    });
    const outcome = this.world.append({ drafts, producer: { id: `p${producer}`, epoch: 0, sequence } });
    expect(outcome).toMatchObject({ kind: "appended", accepted: drafts.length, duplicate: false });
    this.#batches[producer] = sequence;
  }

  #archiveWorks(): void {
    this.world.archive.interrupt = () => {};
    for (const release of this.#release.splice(0)) release();
  }
}

test(
  "[FAN1] [FAN2] [FAN3] [FAN4] [RUN2] whatever is attached, left, evicted, stalled or failing: each watcher's lines are exactly those after its position, in order, once",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        const story = new Story();
        for (const each of steps) {
          const taken = story.take(each);
          if (taken instanceof Promise) await taken;
        }
        const head = (story.world.recalled()?.state.last_sequence ?? 0) + 1;
        const written = story.world.lines();
        await story.finish();

        const whole = story.world.wholeLog();
        expect(whole?.split("\n").length).toBe(head + 1);
        expect(whole?.startsWith(written.map((text) => `${text}\n`).join(""))).toBe(true);
        const log = (whole ?? "")
          .split("\n")
          .slice(0, -1)
          .map((text) => `${text}\n`);
        for (const { client, after, types, leftAtRandom } of story.watching) {
          const expected = log.filter(
            (text, at) => at + 1 > after && (types === null || matchesTypes(types, typeOf(text))),
          );
          const got = client.lines.map(({ text }) => text);
          const wasCut = leftAtRandom || client.closed?.code === 4408;
          expect(got).toEqual(wasCut ? expected.slice(0, got.length) : expected);
          expect(client.ops().filter((op) => op === "caught_up").length).toBeLessThanOrEqual(1);
          if (wasCut) continue;
          const ops = client.ops().filter((op) => op !== "presence");
          expect(ops).toEqual(["hello", "caught_up", "end"]);
        }
        // Nothing is left behind: the object is empty, and no alarm will wake it again.
        expect(story.world.log.isEmpty()).toBe(true);
        expect(story.world.alarm.at).toBeNull();
      }),
      runs(250),
    );
  },
  LONG_MS,
);

const typeOf = (text: string): string => /"type":"([^"]*)"/.exec(text)?.[1] ?? "";
