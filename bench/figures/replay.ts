import { setTimeout as sleep } from "node:timers/promises";
import type { Figure } from "../figure.ts";
import { EventCounter } from "../load/event.ts";
import { fill } from "../load/fill.ts";
import { settled } from "../load/settled.ts";
import { measureUsage, type Usage } from "../load/usage.ts";
import { PEERS } from "../peers/all.ts";
import type { PeerLog } from "../peers/peer.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServers } from "../servers.ts";

const READ_WITHIN_MS = 300_000;
/** Gathering changes nothing of what is read. */
const REPLAYED = PEERS.filter(({ name }) => name !== "node + gather");

type Reader = { name: string; group: number; read: (take: (bytes: Buffer) => void, events: number) => Promise<void> };
type Replay = { events: number; mb: number; firstByteMs: number; usage: Usage };

export const replay: Figure = {
  title: "Replay: a whole log, read from its first event to its last",
  measure: (bench) =>
    withServers(REPLAYED, async (servers) => {
      const events = 1_000_000 * bench.scale;
      const readers: Reader[] = [];
      for (const { name, group, newLog } of servers) {
        const log = await newLog();
        await fill(log, events);
        if (name !== "runcast") {
          readers.push({ name, group, read: byRequest(log) });
          continue;
        }
        const ended = await newLog();
        await fill(ended, events);
        await ended.finish();
        readers.push({ name, group, read: byRequest(ended) });
        readers.push({ name: "runcast, a socket", group, read: bySocket(ended) });
        readers.push({ name: "runcast, open", group, read: byRequest(log) });
      }
      for (const { group } of servers) await settled(group);
      const turns = await byTurns(bench, readers, (reader) => replayOnce(reader, events));
      const of = `${events.toLocaleString("en")} events`;
      return [
        { case: of, unit: "events/s", better: "more", by: pick(turns, ({ events: rate }) => rate) },
        { case: of, unit: "MB/s", better: "more", by: pick(turns, ({ mb }) => mb) },
        { case: `${of}, first byte`, unit: "ms", better: "less", by: pick(turns, ({ firstByteMs }) => firstByteMs) },
      ];
    }),
};

const byRequest =
  (log: PeerLog): Reader["read"] =>
  async (take) => {
    for await (const bytes of await log.read()) take(bytes);
  };

const bySocket =
  (log: PeerLog): Reader["read"] =>
  async (take, events) => {
    const counter = new EventCounter();
    const leave = await log.watch((bytes) => {
      counter.take(bytes);
      take(bytes);
    });
    for (const deadline = performance.now() + READ_WITHIN_MS; counter.received < events;) {
      if (performance.now() > deadline) throw new Error(`${counter.received} of ${events} events came`);
      await sleep(1);
    }
    leave();
  };

async function replayOnce({ group, read }: Reader, events: number): Promise<Replay> {
  const counter = new EventCounter();
  const usage = measureUsage(group);
  const begunAt = performance.now();
  let bytes = 0;
  let firstByteMs = 0;
  await read((piece) => {
    if (bytes === 0) firstByteMs = performance.now() - begunAt;
    bytes += piece.length;
    counter.take(piece);
  }, events);
  const used = usage();
  if (counter.received !== events) throw new Error(`${counter.received} of ${events} events were read`);
  return { events: events / used.wall, mb: bytes / 1e6 / used.wall, firstByteMs, usage: used };
}
