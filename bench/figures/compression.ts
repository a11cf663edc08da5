import type { Figure, Row } from "../figure.ts";
import { appendLoad } from "../load/append-load.ts";
import { watchMemory } from "../load/memory.ts";
import { raw } from "../peers/objects.ts";
import { runcast } from "../peers/runcast.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServer } from "../servers.ts";

const CASES = [
  { size: 1, producers: 16, watchers: 500 },
  { size: 50, producers: 1, watchers: 100 },
];
const SMOKE_CASES = [{ size: 1, producers: 2, watchers: 2 }];

/** Everywhere else sockets are not compressed. A browser offers it, and workerd takes the offer, for each socket by itself. */
export const compression: Figure = {
  title: "Fan-out to sockets that are compressed, as a browser's are",
  measure: async (bench) => {
    const rows: Row[] = [];
    for (const load of bench.isSmoke ? SMOKE_CASES : CASES) {
      const name = `${load.size} a batch · ${load.producers} producers · ${load.watchers} watchers`;
      if (!bench.wants.case(name)) continue;
      const contenders = [runcast, raw].flatMap((peer) => [
        { name: peer.name, peer, isCompressed: true },
        { name: `${peer.name}, not compressed`, peer, isCompressed: false },
      ]);
      // A server of its own each time: memory that was taken is not given back.
      const turns = await byTurns(bench, contenders, ({ peer, isCompressed }) =>
        withServer(peer, async (server) => {
          const peakMb = watchMemory(server.group);
          const figures = await appendLoad(await server.newLog(), server.group, {
            ...load,
            isCompressed,
            seconds: bench.seconds,
          });
          return { ...figures, peakMb: peakMb() };
        }),
      );
      rows.push({ case: name, unit: "events/s", better: "more", by: pick(turns, ({ delivered }) => delivered) });
      rows.push({
        case: `${name}, memory at most`,
        unit: "MB",
        better: "less",
        by: pick(turns, ({ peakMb }) => peakMb),
      });
    }
    return rows;
  },
};
