import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { LogWindow, RunAddress } from "../../core/ports.ts";
import { MOST_READ_BYTES } from "../../core/index/log-index.ts";
import { isDamageMark } from "../../core/reading/damage.ts";
import { fromTime } from "../../core/reading/log-time.ts";
import { windowLines } from "../../core/reading/read-log.ts";
import { lineType, matchesTypes } from "../../protocol/type-filter.ts";
import { indexKey, timelineKey, wholeLogKey } from "../../storage/log-keys.ts";
import { R2LogReader } from "../../storage/r2-log-reader.ts";
import { anyLog, indexed, textOf, type AnyLog } from "../../test/fakes/any-log.ts";
import { runs, untilFailure } from "../../test/simulation/settings.ts";
import { runObject } from "../objects.ts";
import { wrapped } from "../timing/wrapped.ts";
import { runLog, type RunLog } from "./run-log.ts";
import { tailStart } from "./tail-start.ts";

type Reads = { key: string; bytes: number }[];

/** Puts an archived run into R2, as its object would, and what happened to it since. */
async function archived(log: AnyLog, damage: Damage = NO_DAMAGE): Promise<RunAddress> {
  const run = { workspaceId: "default", runId: crypto.randomUUID() };
  const { bytes, index, timeline } = await indexed(log);
  await put(wholeLogKey(run), bytes, damage.log);
  await put(indexKey(run), index, damage.index);
  await put(timelineKey(run), timeline, damage.timeline);
  return run;
}

/** The log as one request reads it; what it asks of R2 is counted. */
function opened(run: RunAddress, lastSequence: number): { log: RunLog; reads: Reads } {
  const reads: Reads = [];
  const bucket = wrapped(env.ARCHIVE, {
    get: async (key: string, options: R2GetOptions & { range?: { offset: number; length?: number } }) => {
      const object = await env.ARCHIVE.get(key, options);
      const rest = (object?.size ?? 0) - (options?.range?.offset ?? 0);
      reads.push({ key: key.slice(key.lastIndexOf("/") + 1), bytes: Math.min(options?.range?.length ?? rest, rest) });
      return object;
    },
  });
  const row = { status: "succeeded", last_sequence: lastSequence, incomplete: false } as const;
  const reader = new R2LogReader(bucket, run);
  const object = runObject(env, run.runId);
  const from = {
    object,
    reader,
    row,
    headers: new Headers(),
    isEnded: true,
    damaged: async () => {},
    skipped: () => {},
  };
  return { log: runLog(from), reads };
}

/** What becomes of a stored file: missing, cut off, or some of its bytes others, given as parts of its length. */
type FileDamage =
  | { kind: "none" }
  | { kind: "missing" }
  | { kind: "cut"; at: number }
  | { kind: "shorter"; at: number; bytes: number }
  | { kind: "bytes"; places: [number, number][] };
type Damage = { log: FileDamage; index: FileDamage; timeline: FileDamage };
const NO_DAMAGE: Damage = { log: { kind: "none" }, index: { kind: "none" }, timeline: { kind: "none" } };

async function put(key: string, bytes: Uint8Array, damage: FileDamage): Promise<void> {
  if (damage.kind === "missing") return;
  const stored = damage.kind === "cut" ? bytes.slice(0, Math.ceil(damage.at * bytes.length)) : bytes.slice();
  if (damage.kind === "shorter") {
    const from = Math.floor(damage.at * bytes.length);
    return void (await env.ARCHIVE.put(
      key,
      Uint8Array.from([...bytes.slice(0, from), ...bytes.slice(from + damage.bytes)]),
    ));
  }
  if (damage.kind === "bytes") for (const [at, byte] of damage.places) stored[Math.floor(at * bytes.length)] = byte;
  await env.ARCHIVE.put(key, stored);
}

const place = fc.double({ min: 0, max: 1, noNaN: true, minExcluded: true, maxExcluded: true });
const damageOf = (...kinds: Exclude<FileDamage["kind"], "none">[]): fc.Arbitrary<FileDamage> =>
  fc.oneof(
    fc.constant<FileDamage>({ kind: "none" }),
    ...kinds.map((kind): fc.Arbitrary<FileDamage> => {
      if (kind === "missing") return fc.constant({ kind });
      if (kind === "cut") return place.map((at) => ({ kind, at }));
      if (kind === "shorter") return fc.record({ kind: fc.constant(kind), at: place, bytes: fc.constantFrom(1, 20) });
      // What no line survives; a newline too many.
      return fc
        .array(fc.tuple(place, fc.constantFrom(0, 0x0a)), { minLength: 1, maxLength: 1 })
        .map((places) => ({ kind, places }));
    }),
  );
const anyDamage = fc.record({
  log: damageOf("bytes", "cut", "shorter"),
  index: damageOf("missing", "cut", "bytes"),
  timeline: damageOf("missing", "cut", "bytes"),
});

type Read = [sequence: number, line: string];
const readable = ([, line]: Read): boolean => !isDamageMark(line);

async function collect(windows: AsyncIterable<LogWindow>): Promise<Read[]> {
  const lines: Read[] = [];
  for await (const window of windows)
    for (const { sequence, line } of windowLines(window)) lines.push([sequence, line]);
  return lines;
}

/** Asked for by everybody at once: the server's log must not be full of it. */
vi.spyOn(console, "warn").mockImplementation(() => {});

const TYPES = [["step.*"], ["a.b", "step.started"], ["console.*"], ["run.*"]];

test("[WIN2] [TML2] [STO4] a window, small or to the end, and every kind of event, are the same lines as in a full read, whatever is damaged or missing", async () => {
  let damages = 0;
  await fc.assert(
    fc.asyncProperty(
      anyLog(25),
      anyDamage,
      fc.array(place, { minLength: 3, maxLength: 3 }),
      async (log, damage, places) => {
        const { log: run } = opened(await archived(log, damage), log.lines.length);
        const whole = await collect(run.windows(0));
        if (!whole.every(readable)) damages += 1;
        for (const after of [0, ...places.map((at) => Math.floor(at * (log.lines.length + 2)))]) {
          const expected = whole.filter(([sequence]) => sequence > after);
          expect(await collect(run.windows(after, { piecewise: true }))).toEqual(expected);
          expect(await collect(run.windows(after))).toEqual(expected);
          for (const types of TYPES) {
            const ofTypes = ([sequence, line]: Read): boolean =>
              sequence > after && matchesTypes(types, lineType(line));
            const found = (await collect(run.windows(after, { types }))).filter(ofTypes);
            // The timeline may still have what the log has not.
            const written = log.lines.map((line, at): Read => [at + 1, line]).filter(ofTypes);
            expect(found.filter((line) => !written.some((other) => other[1] === line[1]))).toEqual([]);
            const readableOnes = whole.filter(readable).filter(ofTypes);
            expect(readableOnes.filter(([sequence]) => !found.some((line) => line[0] === sequence))).toEqual([]);
            expect(found.map(([sequence]) => sequence)).toEqual(
              found.map(([sequence]) => sequence).toSorted((a, b) => a - b),
            );
          }
        }
      },
    ),
    { ...runs(30), ...untilFailure },
  );
  expect(damages).toBeGreaterThan(5);
});

test("[WIN2] [TIME1] a window by time is the same lines as in a full read", async () => {
  await fc.assert(
    fc.asyncProperty(anyLog(25), fc.array(place, { minLength: 3, maxLength: 3 }), async (log, places) => {
      const { log: run } = opened(await archived(log), log.lines.length);
      const now = () => "9999-12-31T23:59:59.999Z";
      const times = places.map((at) => log.times[Math.floor(at * log.times.length)] ?? "");
      const later = times.map((time) => new Date(Date.parse(time) + 1).toISOString());
      for (const at of [...times, ...later, "0001-01-01T00:00:00.000Z", "9000-01-01T00:00:00.000Z"]) {
        const first = log.times.findIndex((time) => time >= at);
        const expected = first === -1 ? [] : log.lines.map((line, each): Read => [each + 1, line]).slice(first);
        const { afterSequence, ahead } = await run.startOf(at);
        const windows = run.windows(afterSequence, { piecewise: true });
        expect(await collect(fromTime(windows, at, { ahead, now }))).toEqual(expected);
      }
    }),
    { ...runs(15), ...untilFailure },
  );
});

const TWELVE = Array.from({ length: 12 }, (_, at) => at + 1);

test("[WIN2] where a newline between two blocks is damaged, or bytes before them are gone, the same lines are lost to every reader", async () => {
  const lines = TWELVE.map((sequence) => longLine(sequence, "console.line", 200_000));
  const log: AnyLog = { lines, times: [], ahead: [] };
  const size = textOf(lines).length;
  const ends = lines.map((_, at) => textOf(lines.slice(0, at + 1)).length - 1);
  const newlines = ends.slice(2, 5).map((end): FileDamage => ({ kind: "bytes", places: [[(end + 0.5) / size, 0x20]] }));
  for (const damage of [...newlines, { kind: "shorter", at: 0.01, bytes: 20 } as const]) {
    const { log: run } = opened(await archived(log, { ...NO_DAMAGE, log: damage }), lines.length);
    const whole = await collect(run.windows(0));
    expect(whole.filter(readable).length).toBe(lines.length - (damage.kind === "bytes" ? 2 : 0));
    for (const after of TWELVE)
      expect(await collect(run.windows(after, { piecewise: true }))).toEqual(whole.slice(after));
  }
});

test("[WIN2] a log that was archived with lines missing tells them in every window alike", async () => {
  const there = TWELVE.filter((sequence) => ![1, 2, 6, 7, 8].includes(sequence));
  const lines = there.map((sequence) => longLine(sequence, sequence % 2 === 0 ? "a.b" : "console.line", 200_000));
  const { log: run } = opened(await archived({ lines, times: [], ahead: [] }), TWELVE.length);
  const whole = await collect(run.windows(0));
  expect(whole.map(([sequence]) => sequence)).toEqual(TWELVE);
  expect(whole.filter(readable).map(([sequence]) => sequence)).toEqual(there);
  for (const after of TWELVE) {
    expect(await collect(run.windows(after, { piecewise: true }))).toEqual(whole.slice(after));
    const found = await collect(run.windows(after, { types: ["a.b"] }));
    expect(found.map(([sequence]) => sequence)).toEqual(there.filter((each) => each > after && each % 2 === 0));
  }
});

const longLine = (sequence: number, type: string, chars: number): string => {
  const createdAt = new Date(Date.parse("2026-11-21T02:30:00.000Z") + sequence - 1).toISOString();
  return `{"sequence":${sequence},"type":"${type}","created_at":"${createdAt}","payload":{"message":"${"x".repeat(chars)}"}}`;
};

const LINES = 20_000;
const LONG_LOG: AnyLog = {
  lines: Array.from({ length: LINES }, (_, at) =>
    longLine(at + 1, at % 1_000 === 0 ? "step.started" : "console.line", 180),
  ),
  times: [],
  ahead: [],
};

/** Reads as many lines as a page has, and no more. */
async function firstLines(windows: AsyncIterable<LogWindow>, count: number): Promise<number[]> {
  const sequences: number[] = [];
  for await (const window of windows)
    for (const { sequence } of windowLines(window)) {
      sequences.push(sequence);
      if (sequences.length === count) return sequences;
    }
  return sequences;
}

test("[WIN1] a window of a thousand lines anywhere takes one small read and one of at most half a MiB, by sequence and by time", async () => {
  const run = await archived(LONG_LOG);
  expect(textOf(LONG_LOG.lines).length).toBeGreaterThan(8 * MOST_READ_BYTES);
  for (const after of [1, 999, 7_777, 15_000, LINES - 1_000]) {
    const bySequence = opened(run, LINES);
    const thousand = await firstLines(bySequence.log.windows(after, { piecewise: true }), 1_000);
    expect(thousand).toEqual(Array.from({ length: 1_000 }, (_, at) => after + 1 + at));
    const [index, log] = bySequence.reads;
    expect(bySequence.reads.map(({ key }) => key)).toEqual(["index.bin", "events.ndjson"]);
    expect(index?.bytes).toBeLessThan(2_000);
    expect(log?.bytes).toBeLessThanOrEqual(MOST_READ_BYTES);

    const byTime = opened(run, LINES);
    const at = new Date(Date.parse("2026-11-21T02:30:00.000Z") + after).toISOString();
    const { afterSequence, ahead } = await byTime.log.startOf(at);
    const windows = fromTime(byTime.log.windows(afterSequence, { piecewise: true }), at, {
      ahead,
      now: () => at,
    });
    expect((await firstLines(windows, 500)).at(0)).toBe(after + 1);
    expect(byTime.reads.map(({ key }) => key)).toEqual(["index.bin", "events.ndjson"]);
    expect(byTime.reads[1]?.bytes).toBeLessThanOrEqual(MOST_READ_BYTES);
  }
});

test("[MET3] of a long log only the blocks that have metrics are read for them, each line once", async () => {
  await fc.assert(
    fc.asyncProperty(anyLog(25), fc.nat(25), async (log, after) => {
      const { log: run } = opened(await archived(log), log.lines.length);
      const isMetric = ([sequence, line]: Read): boolean => sequence > after && lineType(line) === "metric.recorded";
      const all = log.lines.map((line, at): Read => [at + 1, line]);
      expect((await collect(run.metricWindows(after))).filter(isMetric)).toEqual(all.filter(isMetric));
    }),
    { ...runs(15), ...untilFailure },
  );
  const metrics = [5_000, 5_002, 15_000];
  const lines = LONG_LOG.lines.map((line, at) =>
    metrics.includes(at + 1) ? line.replace("console.line", "metric.recorded") : line,
  );
  const { log: run, reads } = opened(await archived({ ...LONG_LOG, lines }), LINES);
  const found = (await collect(run.metricWindows(0))).filter(([, line]) => lineType(line) === "metric.recorded");
  expect(found.map(([sequence]) => sequence)).toEqual(metrics);
  expect(reads.map(({ key }) => key)).toEqual(["index.bin", "events.ndjson", "events.ndjson"]);
  for (const { bytes } of reads) expect(bytes).toBeLessThanOrEqual(MOST_READ_BYTES);
});

test("[RED4] the last of a type are looked for from the end of the log, as far back as they are", async () => {
  const run = await archived(LONG_LOG);
  const last = opened(run, LINES);
  expect(await tailStart(last.log, 100, ["console.*"])).toBe(LINES - 100);
  expect(last.reads.map(({ key }) => key)).toEqual(["index.bin", "events.ndjson"]);
  expect(last.reads[1]?.bytes).toBeLessThan(0.6 * textOf(LONG_LOG.lines).length);
  const steps = opened(run, LINES).log;
  for (const tail of [1, 9, 10, 11, 20])
    expect([tail, await tailStart(steps, tail, ["step.*"])]).toEqual([tail, LINES - tail * 1_000]);
  expect(await tailStart(steps, 21, ["step.*", "console.none"])).toBe(0);
  expect(await tailStart(steps, 3, ["a.b"])).toBe(LINES);
});

test("[TML1] the steps of a long log are read from its timeline alone", async () => {
  const { log: run, reads } = opened(await archived(LONG_LOG), LINES);
  const steps = await collect(run.windows(0, { types: ["step.*", "run.*"] }));
  expect(steps.map(([sequence]) => sequence)).toEqual(Array.from({ length: LINES / 1_000 }, (_, at) => at * 1_000 + 1));
  expect(reads.map(({ key }) => key)).toEqual(["index.bin", "timeline.ndjson"]);
  expect(reads[1]?.bytes).toBeLessThan(10_000);
  await collect(run.windows(0, { types: ["step.*", "console.line"] }));
  expect(reads.at(-1)?.key).toBe("events.ndjson");
});
