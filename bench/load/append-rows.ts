import type { Bench, Row, Target } from "../figure.ts";
import { PEERS } from "../peers/all.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServers } from "../servers.ts";
import { appendLoad, type AppendFigures } from "./append-load.ts";

export type AppendCase = { size: number; producers: number; watchers: number; targets?: Target[] };

/** A row for each case, of what `of` takes from a load of appends: events a second. */
export const appendRows = (
  bench: Bench,
  cases: readonly AppendCase[],
  of: (figures: AppendFigures) => number,
): Promise<Row[]> =>
  withServers(PEERS, async (servers) => {
    const rows: Row[] = [];
    for (const { targets = [], ...load } of cases) {
      const name = `${load.size} a batch · ${load.producers} producers · ${load.watchers} watchers`;
      if (!bench.wants.case(name)) continue;
      const turns = await byTurns(
        bench,
        servers,
        async ({ newLog, group }, round) =>
          appendLoad(await newLog(), group, { ...load, seconds: round === 0 ? bench.seconds / 4 : bench.seconds }),
        { abandon: ({ stop }) => stop() },
      );
      rows.push({ case: name, unit: "events/s", better: "more", by: pick(turns, of), targets });
    }
    return rows;
  });
