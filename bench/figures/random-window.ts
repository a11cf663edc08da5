import { spawnSync } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Figure } from "../figure.ts";
import { fill } from "../load/fill.ts";
import { settled } from "../load/settled.ts";
import { quantile } from "../load/quantile.ts";
import { naive } from "../peers/objects.ts";
import type { ObjectLog } from "../peers/peer.ts";
import { runcast } from "../peers/runcast.ts";
import type { RuncastLog } from "../peers/runcast-api.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServer } from "../servers.ts";
import { Random } from "../../test/faults/laboratory/random.ts";

const WINDOW = 1_000;
const PLACES_A_ROUND = 20;
/** What a run has before its first line. */
const EVENTS_BEFORE = 2;

/** Gets ready to read a window, which is not measured. */
type Reader = { name: string; prepare: (after: number) => Promise<() => Promise<string>> };

export const randomWindow: Figure = {
  title: `A window of ${WINDOW} events at a random place of a long log`,
  measure: (bench) =>
    withServer(runcast, (ours) =>
      withServer(naive, async (theirs) => {
        const events = 10_000_000 * bench.scale;
        const folder = mkdtempSync(join(tmpdir(), "runcast-bench-window-"));
        try {
          const [ended, open, rows] = [await ours.newLog(), await ours.newLog(), await theirs.newLog()];
          for (const log of [ended, open, rows]) await fill(log, events);
          await ended.finish();
          for (const { group } of [ours, theirs]) await settled(group);
          const file = join(folder, "events.ndjson");
          await pipeline(await ended.read(), createWriteStream(file));
          const readers: Reader[] = [
            { name: "runcast", prepare: bySequence(ended.object) },
            { name: "runcast, by time", prepare: byTime(ended) },
            { name: "runcast, open", prepare: bySequence(open.object) },
            { name: "naive", prepare: bySequence(rows.object) },
            { name: "sed on the file", prepare: async (after) => async () => bySed(file, after) },
          ];
          const turns = await byTurns(bench, readers, (reader, round) => readPlaces(reader, round, events));
          const of = `${events.toLocaleString("en")} events`;
          return [
            { case: `${of}, p50`, unit: "ms", better: "less", by: pick(turns, ({ p50 }) => p50) },
            {
              case: `${of}, slowest of ${PLACES_A_ROUND}`,
              unit: "ms",
              better: "less",
              by: pick(turns, ({ max }) => max),
            },
          ];
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }),
    ),
};

const bySequence =
  (object: ObjectLog | undefined): Reader["prepare"] =>
  async (after) => {
    if (object === undefined) throw new Error("this log cannot be read from a place");
    return () => object.readWindow(after, WINDOW);
  };

/** From the moment of the event behind that place. */
const byTime =
  ({ get }: RuncastLog): Reader["prepare"] =>
  async (after) => {
    const line: { created_at: string } = JSON.parse(await get(`/events?after_sequence=${after}&limit=1`));
    return () => get(`/events?at=${line.created_at}&limit=${WINDOW}`);
  };

function bySed(file: string, after: number): string {
  const script = `${after + 1},${after + WINDOW}p;${after + WINDOW}q`;
  return spawnSync("sed", ["-n", script, file], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 }).stdout;
}

/** The same places for all, others in each round. */
async function readPlaces(
  { name, prepare }: Reader,
  round: number,
  events: number,
): Promise<{ p50: number; max: number }> {
  const random = new Random(round);
  const times: number[] = [];
  for (let place = 0; place < PLACES_A_ROUND; place += 1) {
    const after = EVENTS_BEFORE + random.below(events - WINDOW - EVENTS_BEFORE);
    const read = await prepare(after);
    const begunAt = performance.now();
    const lines = (await read()).split("\n").length - 1;
    times.push(performance.now() - begunAt);
    if (lines !== WINDOW) throw new Error(`${name} gave ${lines} lines of ${WINDOW}`);
  }
  return { p50: quantile(times, 0.5), max: Math.max(...times) };
}
