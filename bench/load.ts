import type { WebSocket } from "ws";
import { pause, quantile } from "./figures.ts";

/** What a load is put on: Runcast, or a peer that takes the same bytes. */
export type Target = {
  name: string;
  append(body: string): Promise<void>;
  watch(): WebSocket;
  /** Tells the server what was received, where it wants to know. */
  acknowledge(socket: WebSocket, text: string): void;
};

const LINE_START = '{"';
/** A console line of 80 bytes and its message, that says when it was sent: in so few digits that none needs the slow way that keeps them all. */
export const consoleLine = (messageBytes = 60): string =>
  `{"type":"console.line","payload":{"stream":"stdout","message":"${"x".repeat(messageBytes)}","sent":${performance.now().toFixed(3)}}}\n`;

export type Watching = { received(): number; latencies: number[]; close(): void };

/** Opens `count` sockets; counts the events they receive and how old each frame's last event was. */
export async function watchAll(target: Target, count: number): Promise<Watching> {
  const sockets: WebSocket[] = [];
  const latencies: number[] = [];
  let received = 0;
  for (let opened = 0; opened < count; opened += 1) {
    const socket = target.watch();
    let unacknowledged = 0;
    socket.on("message", (data: Buffer) => {
      const text = data.toString();
      const now = performance.now();
      for (const line of text.split("\n")) {
        if (line.startsWith(LINE_START) && line.includes('"sent":')) received += 1;
      }
      const sent = /.*"sent":([\d.]+)/s.exec(text)?.[1];
      if (sent !== undefined) latencies.push(now - Number(sent));
      unacknowledged += text.length;
      if (unacknowledged < 64 * 1024) return;
      unacknowledged = 0;
      target.acknowledge(socket, text);
    });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    sockets.push(socket);
  }
  return { received: () => received, latencies, close: () => sockets.forEach((socket) => socket.terminate()) };
}

export type AppendFigures = { appendsPerSecond: number; eventsPerSecond: number; deliveredPerSecond: number };

/** `batches` appends of `size` events, one after another, and the time until every watcher has all of them. */
export async function appendLoad(
  target: Target,
  load: { batches: number; size: number; watchers: number },
): Promise<AppendFigures> {
  const watching = await watchAll(target, load.watchers);
  const before = watching.received();
  const wanted = load.batches * load.size * load.watchers;
  const start = performance.now();
  for (let batch = 0; batch < load.batches; batch += 1) await target.append(consoleLine().repeat(load.size));
  const appendedMs = performance.now() - start;
  while (watching.received() - before < wanted && performance.now() - start < 60_000) await pause(5);
  const deliveredMs = performance.now() - start;
  const delivered = watching.received() - before;
  watching.close();
  if (delivered !== wanted) throw new Error(`${target.name} delivered ${delivered} of ${wanted}`);
  return {
    appendsPerSecond: (load.batches / appendedMs) * 1000,
    eventsPerSecond: ((load.batches * load.size) / appendedMs) * 1000,
    deliveredPerSecond: (delivered / deliveredMs) * 1000,
  };
}

/** Single events at a steady rate: how old each was when each watcher had it, in milliseconds. */
export async function latencyLoad(
  target: Target,
  load: { perSecond: number; seconds: number; watchers: number },
): Promise<{ p50: number; p95: number; p99: number }> {
  const watching = await watchAll(target, load.watchers);
  const pending: Promise<void>[] = [];
  const start = performance.now();
  for (let event = 0; event < load.perSecond * load.seconds; event += 1) {
    const due = start + (event * 1000) / load.perSecond;
    if (due > performance.now()) await pause(due - performance.now());
    pending.push(target.append(consoleLine()));
  }
  await Promise.all(pending);
  await pause(500);
  watching.close();
  const sorted = watching.latencies.toSorted((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99) };
}
