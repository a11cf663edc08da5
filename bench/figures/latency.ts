import type { Figure, Row } from "../figure.ts";
import { latencyLoad } from "../load/latency-load.ts";
import { PEERS } from "../peers/all.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServers } from "../servers.ts";

const CASES = [
  { perSecond: 100, watchers: 100 },
  { perSecond: 20, watchers: 1_000 },
];
const SMOKE_CASES = [{ perSecond: 20, watchers: 2 }];

export const latency: Figure = {
  title: "Latency: from the append of a single event to each of its watchers",
  measure: (bench) =>
    withServers(PEERS, async (servers) => {
      const rows: Row[] = [];
      for (const load of bench.isSmoke ? SMOKE_CASES : CASES) {
        const name = `${load.perSecond} events/s · ${load.watchers} watchers`;
        if (!bench.wants.case(name)) continue;
        const turns = await byTurns(
          bench,
          servers,
          async ({ newLog, group }) => latencyLoad(await newLog(), group, { ...load, seconds: 2 * bench.seconds }),
          { abandon: ({ stop }) => stop() },
        );
        rows.push({ case: `${name}, p50`, unit: "ms", better: "less", by: pick(turns, ({ p50 }) => p50) });
        rows.push({
          case: `${name}, p99`,
          unit: "ms",
          better: "less",
          by: pick(turns, ({ p99 }) => p99),
          targets: [{ peer: "raw", factor: 1.2 }],
        });
      }
      return rows;
    }),
};
