import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseLine } from "../../protocol/ndjson.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { appendToArchived } from "../../core/run/append-to-archived.ts";
import type { AppendOutcome } from "../../core/run/commands.ts";
import { completion, event, line, RunWorld } from "../fakes/run-world.ts";
import { LONG_MS, runs } from "./settings.ts";

/** What the rules say of one producer, written as plainly as possible. */
type Model = { epoch: number; accepted: { first: number | null; last: number | null; count: number }[] };

const attempt = fc.record({
  producer: fc.nat(3),
  /** Against the producer's own epoch. */
  epoch: fc.constantFrom(0, 0, 0, 0, 1, -1),
  /** Against the number that is next: 0 is next, below a repeat, above a gap. */
  number: fc.constantFrom(0, 0, 0, 0, -1, -2, -70, 1, 5),
  lines: fc.nat(3),
  evict: fc.constantFrom(false, false, false, true),
});

test(
  "[APP17] [SEQ1] [SEQ3] [SEQ4] [SEQ5] retried, reordered, gapped and fenced batches: each accepted batch is stored once, and a repeat gets its positions",
  () => {
    fc.assert(
      fc.property(fc.array(attempt, { maxLength: 150 }), (attempts) => {
        const world = new RunWorld();
        world.create();
        world.append({ drafts: [event("run.started")] });
        const models = new Map<number, Model>();
        let head = 2;
        for (const { producer, epoch, number, lines, evict } of attempts) {
          if (evict) world.evict();
          const model = models.get(producer) ?? { epoch: 5, accepted: [] };
          const asked = model.epoch + epoch;
          const known = epoch === 0 ? model.accepted : [];
          const sequence = Math.max(1, known.length + 1 + number);
          const drafts = Array.from({ length: lines }, (_, at) => line(`${producer}/${asked}/${sequence}/${at}`));
          const outcome = world.append({ drafts, producer: { id: `p${producer}`, epoch: asked, sequence } });

          if (epoch < 0 && models.has(producer)) {
            expect(outcome).toMatchObject({ kind: "refused", refusal: { code: "PRODUCER_FENCED" } });
          } else if (sequence <= known.length) {
            const isRemembered = known.length - sequence < LIMITS.rememberedBatches;
            const original = isRemembered ? known[sequence - 1] : undefined;
            expect(outcome).toMatchObject({
              kind: "appended",
              duplicate: true,
              firstSequence: original?.first ?? null,
              lastSequence: original?.last ?? null,
              accepted: original?.count ?? 0,
            });
          } else if (sequence > known.length + 1) {
            expect(outcome).toMatchObject({
              kind: "refused",
              refusal: { code: "PRODUCER_GAP", expected: known.length + 1 },
            });
          } else {
            const first = lines === 0 ? null : head + 1;
            head += lines;
            const last = lines === 0 ? null : head;
            expect(outcome).toMatchObject({
              kind: "appended",
              duplicate: false,
              firstSequence: first,
              lastSequence: last,
              accepted: lines,
            });
            models.set(producer, { epoch: asked, accepted: [...known, { first, last, count: lines }] });
          }
        }
        const events = world.lines().map(parseLine);
        expect(events.map((each) => each?.sequence)).toEqual(Array.from({ length: head }, (_, at) => at + 1));
        const messages = events.slice(2).map((each) => each?.payload["message"]);
        expect(new Set(messages).size).toBe(messages.length);
      }),
      runs(150),
    );
  },
  LONG_MS,
);

test("[SEQ1] 20 producers of 500 events each get the sequences 1 to 10,002: run.queued and run.started are the server's", async () => {
  const world = new RunWorld();
  world.create();
  const client = world.watch();
  const left = Array.from({ length: 20 }, (_, id) => ({ id, next: 1 }));
  let turn = 7;
  while (left.length > 0) {
    turn = (turn * 48_271) % 2_147_483_647;
    const producer = left[turn % left.length];
    if (producer === undefined) break;
    const drafts = Array.from({ length: 10 }, (_, at) => line(`${producer.id}:${producer.next}:${at}`));
    const producing = { id: `p${producer.id}`, epoch: 0, sequence: producer.next };
    expect(world.append({ drafts, producer: producing })).toMatchObject({ accepted: 10, duplicate: false });
    // Every answer is lost once in a while: the batch comes again.
    if (turn % 5 === 0) expect(world.append({ drafts, producer: producing })).toMatchObject({ duplicate: true });
    producer.next += 1;
    if (producer.next > 50) left.splice(left.indexOf(producer), 1);
    if (turn % 3 === 0) await world.advance(1);
    if (turn % 7 === 0) world.acknowledge(client);
  }
  await world.advance(1_000);
  world.acknowledge(client);
  await world.advance(1_000);
  const events = world.lines().map(parseLine);
  expect(events.map((each) => each?.sequence)).toEqual(Array.from({ length: 10_002 }, (_, at) => at + 1));
  expect(events.slice(0, 2).map((each) => each?.type)).toEqual(["run.queued", "run.started"]);
  const messages = events.slice(2).map((each) => String(each?.payload["message"]));
  expect(new Set(messages).size).toBe(10_000);
  for (const { id } of Array.from({ length: 20 }, (_, id) => ({ id }))) {
    const own = messages.filter((message) => message.startsWith(`${id}:`));
    expect(own).toEqual(Array.from({ length: 500 }, (_, at) => `${id}:${Math.floor(at / 10) + 1}:${at % 10}`));
  }
  expect(client.lines.map(({ text }) => text)).toEqual(world.lines().map((text) => `${text}\n`));
});

test("[APP16] [SEQ4] [SEQ6] [ARC4] a repeat is a duplicate after the end, after an eviction, and after the object was emptied; anything else is RUN_ENDED", async () => {
  const world = new RunWorld();
  world.create();
  const producer = (sequence: number, epoch = 3) => ({ id: "__proto__", epoch, sequence });
  const answers: AppendOutcome[] = [];
  for (let sequence = 1; sequence <= 70; sequence += 1) {
    answers.push(world.append({ drafts: [line(`${sequence}`), line("more")], producer: producer(sequence) }));
  }
  answers.push(world.append({ drafts: [line("last")], completes: completion("succeeded"), producer: producer(71) }));
  const check = (again: (sequence: number, epoch?: number) => AppendOutcome) => {
    for (let sequence = 8; sequence <= 71; sequence += 1) {
      expect(again(sequence)).toEqual({ ...answers[sequence - 1], duplicate: true });
    }
    expect(again(7)).toMatchObject({ duplicate: true, firstSequence: null, lastSequence: null, accepted: 0 });
    expect(again(72)).toMatchObject({ kind: "refused", refusal: { code: "RUN_ENDED" } });
    expect(again(73)).toMatchObject({ kind: "refused", refusal: { code: "PRODUCER_GAP", expected: 72 } });
    expect(again(1, 4)).toMatchObject({ kind: "refused", refusal: { code: "RUN_ENDED" } });
    expect(again(71, 2)).toMatchObject({ kind: "refused", refusal: { code: "PRODUCER_FENCED" } });
  };
  const held = (sequence: number, epoch = 3) =>
    world.append({ drafts: [line("x")], producer: producer(sequence, epoch) });
  check(held);
  world.evict();
  check(held);
  await world.advance(1_000);
  expect(world.log.isEmpty()).toBe(true);
  expect(held(71)).toEqual({ kind: "unknown" });
  const manifest = world.manifest();
  expect(manifest).not.toBeNull();
  const content = { kind: "events" as const, drafts: [line("x")], completion: null };
  check((sequence, epoch = 3) => appendToArchived({ producer: producer(sequence, epoch), content }, manifest));
});

test("[SEQ2] [APP1] a refused batch stores nothing, uses up no number and fences nobody, and the run's own refusals come before its content's", () => {
  const world = new RunWorld();
  world.create();
  world.append({ drafts: [line("one")], producer: { id: "p", epoch: 1, sequence: 1 } });
  const before = world.recalled();
  const refuse = (
    stage: "body" | "producer" | "content",
    producer: { id: string; epoch: number; sequence: number } | null,
  ) =>
    world.run.append({
      producer,
      content: { kind: "refused", stage, refusal: { code: "INVALID_EVENT", detail: stage } },
    });
  const code = (outcome: AppendOutcome) => (outcome.kind === "refused" ? outcome.refusal.code : outcome.kind);
  expect(code(refuse("body", { id: "p", epoch: 0, sequence: 1 }))).toBe("INVALID_EVENT");
  expect(code(refuse("content", { id: "p", epoch: 0, sequence: 1 }))).toBe("PRODUCER_FENCED");
  expect(code(refuse("content", { id: "p", epoch: 1, sequence: 1 }))).toBe("appended");
  expect(code(refuse("content", { id: "p", epoch: 1, sequence: 3 }))).toBe("PRODUCER_GAP");
  expect(code(refuse("content", { id: "p", epoch: 2, sequence: 1 }))).toBe("INVALID_EVENT");
  expect(code(world.append({ drafts: [event("build.started")], producer: { id: "p", epoch: 2, sequence: 1 } }))).toBe(
    "ILLEGAL_MOVE",
  );
  expect({ ...world.recalled(), heardAt: null }).toEqual({ ...before, heardAt: null });
  expect(world.append({ drafts: [line("two")], producer: { id: "p", epoch: 1, sequence: 2 } })).toMatchObject({
    firstSequence: 4,
  });
  world.append({ completes: completion("failed") });
  expect(code(refuse("content", null))).toBe("RUN_ENDED");
});

test("[APP14] [SEQ4] an empty batch uses up its number, also across an eviction, and starts no run", () => {
  const world = new RunWorld();
  world.create();
  expect(world.append({ producer: { id: "p", epoch: 0, sequence: 1 } })).toMatchObject({
    accepted: 0,
    firstSequence: null,
    duplicate: false,
  });
  world.evict();
  expect(world.append({ producer: { id: "p", epoch: 0, sequence: 1 } })).toMatchObject({
    accepted: 0,
    duplicate: true,
  });
  expect(world.append({ drafts: [line("x")], producer: { id: "p", epoch: 0, sequence: 2 } })).toMatchObject({
    firstSequence: 3,
  });
  expect(world.lines().map((text) => parseLine(text)?.type)).toEqual(["run.queued", "run.started", "console.line"]);
});

test("[RUN1] [FAN1] a transaction that fails at any of its writes stores nothing, sends nothing, and the next append gets the same sequence", async () => {
  for (let failAt = 1; failAt <= 11; failAt += 1) {
    const world = new RunWorld();
    world.create();
    world.append({ drafts: [line("before")] });
    const client = world.watch();
    await world.advance(2_000);
    const before = { memory: world.recalled(), log: world.logText(), received: client.lines.length };
    // One batch over several rows, with a status change, so that there are many writes to fail at.
    const batch = () =>
      world.append({
        drafts: Array.from({ length: 5 }, () => line("x".repeat(250_000))),
        completes: completion("succeeded"),
        producer: { id: "p", epoch: 0, sequence: 1 },
      });
    world.life.failsAtStep = world.life.steps + failAt;
    const outcome = ((): AppendOutcome | "failed" => {
      try {
        return batch();
      } catch {
        return "failed";
      }
    })();
    world.life.failsAtStep = null;
    // From here on the batch is stored: what fails then is not the transaction.
    if (outcome !== "failed" || world.life.names.at(-1) === "after log.transaction") break;
    expect(world.logText()).toBe(before.log);
    expect(world.recalled()).toEqual(before.memory);
    expect(client.lines.length).toBe(before.received);
    expect(world.run.describe()).toMatchObject({ run: { status: "running", last_sequence: 3 } });
    expect(batch()).toMatchObject({ kind: "appended", firstSequence: 4, lastSequence: 9, duplicate: false });
    expect(failAt).toBeLessThan(11);
  }
});

test("[SEQ2] more than 64 MiB that wait for the archive: a batch is refused, and taken again once R2 works", async () => {
  const world = new RunWorld();
  world.create();
  world.archive.interrupt = () => {
    throw new Error("R2 is away");
  };
  const big = Array.from({ length: 16 }, () => line("x".repeat(255_000)));
  let sequence = 0;
  let refused: AppendOutcome | null = null;
  while (refused === null && sequence < 30) {
    sequence += 1;
    const outcome = world.append({ drafts: big, producer: { id: "p", epoch: 0, sequence } });
    if (outcome.kind === "refused") refused = outcome;
  }
  expect(refused).toMatchObject({ refusal: { code: "UNFLUSHED_LIMIT" } });
  expect(world.run.describe()).toMatchObject({ run: { logging_degraded: false } });
  await world.advance(0);
  expect(world.run.describe()).toMatchObject({ run: { logging_degraded: true } });
  world.archive.interrupt = () => {};
  await world.advance(61_000);
  expect(world.append({ drafts: big, producer: { id: "p", epoch: 0, sequence } })).toMatchObject({
    kind: "appended",
    duplicate: false,
  });
  expect(world.run.describe()).toMatchObject({ run: { logging_degraded: false } });
});
