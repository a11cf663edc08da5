import type { Bench, Figure, Measured, Row } from "../figure.ts";
import { paddedEvent } from "../load/event.ts";
import { billOf, storedMonth, totalOf, type Bill } from "../load/prices.ts";
import { settled } from "../load/settled.ts";
import { measureUsage } from "../load/usage.ts";
import type { Billed } from "../load/billed.ts";
import { askText } from "../peers/http.ts";
import { countedNaive } from "../peers/objects.ts";
import type { CountedServer } from "../peers/peer.ts";
import { countedRuncast } from "../peers/runcast.ts";
import { withServers } from "../servers.ts";

const SIZES = [
  { name: "1 KB", bytes: 1_000, targets: [{ value: 0.1 }] },
  { name: "200 B", bytes: 200, targets: [] },
];
const A_BATCH = 50;
const PRODUCERS = 4;
const MILLION = 1_000_000;

/** What a million events cost, and what their log costs a month. */
type Cost = { bill: Bill; month: number; counts: Billed };

/** Counted, not timed: one round says it. The log of one is archived with its end; the other's stays in its rows, as if nobody ever moved it. */
export const cost: Figure = {
  title:
    "Cost of a million events at Cloudflare's list prices, 50 a batch, from the first append to the end of the run",
  measure: (bench) =>
    withServers([countedRuncast, countedNaive], async (servers) => {
      const rows: Row[] = [];
      for (const { name, bytes, targets } of SIZES) {
        const costs: Record<string, Cost> = {};
        for (const server of servers) costs[server.name] = await costOf(server, bytes, bench);
        const row = (what: string, unit: string, valueOf: (cost: Cost) => number): Row => ({
          case: `${name} · ${what}`,
          unit,
          better: "less",
          by: Object.fromEntries(
            Object.entries(costs).map(([of, each]): [string, Measured] => [of, { values: [valueOf(each)] }]),
          ),
        });
        rows.push({ ...row("all of it", "$", ({ bill }) => totalOf(bill)), targets });
        for (const part of ["requests", "rows", "r2", "processor", "duration"] as const)
          rows.push(row(part, "$", ({ bill }) => bill[part]));
        rows.push(row("the log, each month", "$", ({ month }) => month));
        for (const part of Object.keys(costs["runcast"]?.counts ?? {}) as (keyof Billed)[])
          rows.push(row(part, "operations", ({ counts }) => counts[part]));
      }
      return rows;
    }),
};

async function costOf(
  { name, newLog, url, group }: CountedServer & { name: string },
  bytes: number,
  { scale }: Bench,
): Promise<Cost> {
  const batches = (MILLION * scale) / A_BATCH;
  const log = await newLog();
  await takeCounts(url);
  const usage = measureUsage(group);
  let sent = 0;
  const produce = async (): Promise<void> => {
    while (sent < batches) {
      sent += 1;
      await log.append(paddedEvent(bytes), A_BATCH);
    }
  };
  await Promise.all(Array.from({ length: PRODUCERS }, produce));
  await log.finish();
  const { wall, server } = usage();
  await settled(group);
  const counted = Object.entries(await takeCounts(url)).map(([what, count]) => [what, count / scale]);
  const counts: Billed = Object.fromEntries(counted);
  return {
    counts,
    bill: billOf(counts, (server ?? 0) / scale, wall / scale),
    month: storedMonth(bytes * MILLION, name === "runcast" ? "r2" : "sqlite"),
  };
}

const takeCounts = async (url: string): Promise<Billed> => JSON.parse(await askText(`${url}/counts`));
