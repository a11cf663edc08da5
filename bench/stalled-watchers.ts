import { readdirSync, readFileSync } from "node:fs";
import type { WebSocket } from "ws";
import { removeServers, startServer } from "../test/support/server-process.ts";
import { median, pause, print, quantileOf, whole } from "./figures.ts";
import { consoleLine, watchAll } from "./load.ts";
import { Runcast } from "./runcast.ts";

const STALLED = 100;
const READING = 5;
/** 50 batches a second of about 70 kB. */
const LOAD = { perSecond: 50, linesABatch: 33, messageBytes: 2_000 };
const LINE_BYTES = LOAD.messageBytes + 160;
const WARM_UP_BYTES = 60e6;
const LOAD_BYTES = 200e6;
/** How many of the stalled ones read on afterwards, to the last line. */
const RESUMED = 3;

type Figures = { peakMb: number; p50: number; p95: number };

/**
 * Flow control: what watchers that stop reading cost the server and everybody else. The same load is put on two fresh servers after the same warm-up, once with
 * nobody stalled; each first in turn.
 */
export async function compareStalledWatchers(rounds: number): Promise<void> {
  const without: Figures[] = [];
  const beside: Figures[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const stalled of round % 2 === 0 ? [0, STALLED] : [STALLED, 0]) {
      (stalled === 0 ? without : beside).push(await measure(stalled));
    }
  }
  const of = (figures: Figures[], name: keyof Figures): number => median(figures.map((each) => each[name]));
  print(`${READING} watchers read 200 MB as it is written, others stall`, "");
  for (const [stalled, figures] of [
    [0, without],
    [STALLED, beside],
  ] as const) {
    const latency = `append → received p50 ${of(figures, "p50").toFixed(1)} ms, p95 ${of(figures, "p95").toFixed(1)} ms`;
    print(`  ${stalled} stalled`, `${latency}; workerd at most ${whole(of(figures, "peakMb"))} MB`);
  }
  const pairs = beside.flatMap((figures, at) => {
    const peer = without[at];
    return peer === undefined ? [] : [{ figures, peer }];
  });
  const told = (values: number[]): string =>
    `median ${median(values).toFixed(2)} of ${values.map((value) => value.toFixed(2)).join("  ")}`;
  print("  p50 with / without", told(pairs.map(({ figures, peer }) => figures.p50 / peer.p50)));
  print("  p95 with / without", told(pairs.map(({ figures, peer }) => figures.p95 / peer.p95)));
  print("  workerd with - without (MB)", told(pairs.map(({ figures, peer }) => figures.peakMb - peer.peakMb)));
}

async function measure(stalled: number): Promise<Figures> {
  const server = await startServer();
  try {
    const runcast = new Runcast(server.url, server.token);
    await warmUp(runcast);
    const runId = await runcast.createRun();
    const target = runcast.target(runId);
    const asleep = await stall(runcast, runId, stalled);
    const watching = await watchAll(target, READING);
    const memory = watchMemory(workerdOf(server.pid));
    const lines = await write(runcast, runId, LOAD_BYTES);
    while (watching.received() < lines * READING) await pause(20);
    const peakMb = memory.stop();
    watching.close();
    await Promise.all(asleep.slice(0, RESUMED).map((watcher) => watcher.readTo(lines)));
    for (const watcher of asleep) watcher.leave();
    return { peakMb, p50: quantileOf(watching.latencies, 0.5), p95: quantileOf(watching.latencies, 0.95) };
  } finally {
    await removeServers();
  }
}

async function warmUp(runcast: Runcast): Promise<void> {
  const runId = await runcast.createRun();
  const watching = await watchAll(runcast.target(runId), READING);
  await write(runcast, runId, WARM_UP_BYTES);
  watching.close();
}

/** Appends at a steady rate; answers with how many lines there are. */
async function write(runcast: Runcast, runId: string, bytes: number): Promise<number> {
  const batches = Math.ceil(bytes / (LOAD.linesABatch * LINE_BYTES));
  const start = performance.now();
  for (let batch = 0; batch < batches; batch += 1) {
    await pause(Math.max(0, start + (batch * 1_000) / LOAD.perSecond - performance.now()));
    await runcast.append(
      runId,
      Array.from({ length: LOAD.linesABatch }, () => consoleLine(LOAD.messageBytes)).join(""),
    );
  }
  return batches * LOAD.linesABatch;
}

/** Watchers that are there and read nothing. */
async function stall(runcast: Runcast, runId: string, count: number): Promise<StallingWatcher[]> {
  const watchers: StallingWatcher[] = [];
  for (let at = 0; at < count; at += 1) {
    const watcher = new StallingWatcher(runcast, runId);
    await watcher.stall();
    watchers.push(watcher);
  }
  return watchers;
}

/** Reads nothing until it is asked to, and must then have every line, each once and in order. */
class StallingWatcher {
  readonly #runcast: Runcast;
  readonly #runId: string;
  #socket: WebSocket;
  #last = 0;

  constructor(runcast: Runcast, runId: string) {
    this.#runcast = runcast;
    this.#runId = runId;
    this.#socket = this.#connect();
  }

  async stall(): Promise<void> {
    const socket = this.#socket;
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    socket.pause();
  }

  /** Reads what its connection still has, and comes back after the last line it knows. */
  async readTo(sequence: number): Promise<void> {
    this.#socket.resume();
    while (this.#last < sequence) {
      const socket = this.#socket;
      const closed = new Promise((resolve) => socket.once("close", resolve).once("error", resolve));
      while (this.#last < sequence && socket.readyState <= socket.OPEN) await Promise.race([closed, pause(100)]);
      socket.terminate();
      if (this.#last < sequence) this.#socket = this.#connect();
    }
  }

  leave(): void {
    this.#socket.terminate();
  }

  #connect(): WebSocket {
    const socket = this.#runcast.watch(this.#runId, this.#last);
    socket.on("message", (data: Buffer) => {
      for (const [, sequence] of data.toString().matchAll(/^\{"sequence":(\d+),/gm)) {
        this.#last += 1;
        if (Number(sequence) !== this.#last) throw new Error(`${this.#last} was due, but ${sequence} came`);
      }
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify({ op: "ack", sequence: this.#last }));
    });
    return socket;
  }
}

function workerdOf(parent: number): number {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const [, command, father] = /^\d+ \((.*)\) \S (\d+)/.exec(readStat(name)) ?? [];
    if (command === "workerd" && Number(father) === parent) return Number(name);
  }
  throw new Error("the server's workerd is not there: memory is measured on Linux only");
}

/** Empty when the process has ended meanwhile. */
function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return "";
    throw error;
  }
}

/** The most memory the process has had since. */
function watchMemory(pid: number): { stop(): number } {
  let peakKb = 0;
  const look = (): void => {
    const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    peakKb = Math.max(peakKb, Number(kb));
  };
  look();
  const timer = setInterval(look, 100);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return (peakKb * 1024) / 1e6;
    },
  };
}
