import type { Figure, Row, Target } from "../figure.ts";
import { appendLoad } from "../load/append-load.ts";
import { PEERS } from "../peers/all.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServers } from "../servers.ts";

const CASES = [1, 50, 1_000].flatMap((size) =>
  [1, 16].flatMap((producers) => [0, 100].map((watchers) => ({ size, producers, watchers }))),
);
const SMOKE_CASES = [{ size: 50, producers: 2, watchers: 2 }];

export const ingest: Figure = {
  title: "Ingest: events a second that are stored",
  measure: (bench) =>
    withServers(PEERS, async (servers) => {
      const rows: Row[] = [];
      for (const load of bench.isSmoke ? SMOKE_CASES : CASES) {
        const name = `${load.size} a batch · ${load.producers} producers · ${load.watchers} watchers`;
        if (!bench.wants.case(name)) continue;
        const turns = await byTurns(
          bench,
          servers,
          async ({ newLog, group }, round) =>
            appendLoad(await newLog(), group, { ...load, seconds: round === 0 ? bench.seconds / 4 : bench.seconds }),
          { abandon: ({ stop }) => stop() },
        );
        rows.push({
          case: name,
          unit: "events/s",
          better: "more",
          by: pick(turns, ({ appended }) => appended),
          targets: load.watchers === 0 ? TARGETS : [],
        });
      }
      return rows;
    }),
};

const TARGETS: Target[] = [{ peer: "raw", factor: 0.8 }];
