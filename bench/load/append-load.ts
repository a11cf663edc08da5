import type { PeerLog, WatchOptions } from "../peers/peer.ts";
import { consoleEvent } from "./event.ts";
import { measureUsage, type Usage } from "./usage.ts";
import { missing, watchAll } from "./watch-all.ts";

export type AppendLoad = WatchOptions & {
  /** Events a batch. */
  size: number;
  /** Each sends its next batch when the last one is answered. */
  producers: number;
  watchers: number;
  seconds: number;
};

export type AppendFigures = { appended: number; delivered: number; usage: Usage; note?: string };

/** No load delivers more: a peer that keeps for slow watchers whatever they do not read would fill the machine's memory. */
const MOST_DELIVERED = 2_000_000;
const DELIVERED_WITHIN_MS = 30_000;

/** Events a second, appended and delivered to every watcher: as fast as the producers are answered, until the last watcher has the last of them. */
export async function appendLoad(log: PeerLog, group: number, load: AppendLoad): Promise<AppendFigures> {
  const watching = await watchAll(log, load.watchers, { isCompressed: load.isCompressed === true });
  const usage = measureUsage(group);
  const begunAt = performance.now();
  const until = begunAt + load.seconds * 1_000;
  let events = 0;
  const produce = async (): Promise<void> => {
    while (performance.now() < until && events * load.watchers < MOST_DELIVERED) {
      events += load.size;
      await log.append(consoleEvent(), load.size);
    }
  };
  await Promise.all(Array.from({ length: load.producers }, produce));
  const appendedMs = performance.now() - begunAt;

  const received = await watching.receive(events, DELIVERED_WITHIN_MS);
  const used = usage();
  watching.leave();
  await log.finish();
  return {
    appended: (events / appendedMs) * 1_000,
    delivered: received / used.wall,
    usage: used,
    ...missing(received, events * load.watchers, DELIVERED_WITHIN_MS),
  };
}
