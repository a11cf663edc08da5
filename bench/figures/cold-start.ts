import type { Figure, Row } from "../figure.ts";
import { fill } from "../load/fill.ts";
import { timed } from "../load/ask-times.ts";
import { settled } from "../load/settled.ts";
import { OBJECT_PEERS } from "../peers/all.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServers } from "../servers.ts";

/** R82, and that the log's length does not matter: an object that was taken out of memory answers from its log. */
export const coldStart: Figure = {
  title: "Cold start: the first answer of an evicted object of an open run",
  measure: (bench) =>
    withServers(OBJECT_PEERS, async (servers) => {
      const rows: Row[] = [];
      for (const events of new Set(bench.isSmoke ? [100] : [1_000, 10_000, 1_000_000 * bench.scale])) {
        const of = `${events.toLocaleString("en")} events`;
        if (!bench.wants.case(of)) continue;
        const logs = await Promise.all(
          servers.map(async ({ name, group, newLog }) => {
            const log = await newLog();
            await fill(log, events);
            await settled(group);
            if (log.object === undefined) throw new Error(`${name} has no object`);
            return { name, ...log.object };
          }),
        );
        const turns = await byTurns(bench, logs, async ({ evict, ask }) => {
          await evict();
          return { coldMs: await timed(ask), warmMs: await timed(ask) };
        });
        rows.push({
          case: of,
          unit: "ms",
          better: "less",
          by: pick(turns, ({ coldMs }) => coldMs),
          targets: TARGET_MS[events] === undefined ? [] : [{ value: TARGET_MS[events] }],
        });
        rows.push({ case: `${of}, asked again`, unit: "ms", better: "less", by: pick(turns, ({ warmMs }) => warmMs) });
      }
      return rows;
    }),
};

const TARGET_MS: Readonly<Record<number, number>> = { 1_000: 200, 10_000: 500, 1_000_000: 500 };
