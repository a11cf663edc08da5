import type { Figure, Row, Target } from "../figure.ts";
import { appendLoad } from "../load/append-load.ts";
import { PEERS } from "../peers/all.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServers } from "../servers.ts";

type Case = { size: number; producers: number; watchers: number; targets?: Target[] };

const CASES: Case[] = [
  { size: 1, producers: 1, watchers: 100 },
  { size: 1, producers: 1, watchers: 500 },
  {
    size: 1,
    producers: 16,
    watchers: 500,
    targets: [
      { peer: "node", factor: 3 },
      { peer: "naive", factor: 4 },
    ],
  },
  {
    size: 50,
    producers: 1,
    watchers: 100,
    targets: [
      { peer: "raw", factor: 0.8 },
      { peer: "naive", factor: 8 },
    ],
  },
  { size: 50, producers: 1, watchers: 500 },
  // Last: a server that fails under the most is stopped, and is measured no more.
  { size: 50, producers: 1, watchers: 2_000 },
  { size: 1, producers: 1, watchers: 2_000 },
];
const SMOKE_CASES: Case[] = [{ size: 1, producers: 2, watchers: 3 }];

export const fanOut: Figure = {
  title: "Fan-out: events a second that watchers receive, all of them together",
  measure: (bench) =>
    withServers(PEERS, async (servers) => {
      const rows: Row[] = [];
      for (const { targets = [], ...load } of bench.isSmoke ? SMOKE_CASES : CASES) {
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
          by: pick(turns, ({ delivered }) => delivered),
          targets,
        });
      }
      return rows;
    }),
};
