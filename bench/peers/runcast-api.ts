import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { WebSocket } from "ws";
import { ask, askText, leaving, openSocket } from "./http.ts";
import type { Leave, PeerLog, WatchOptions } from "./peer.ts";

const ACKNOWLEDGE_EVERY_BYTES = 64 * 1024;
/** Ten million events take some minutes. */
const ARCHIVED_WITHIN_MS = 20 * 60_000;
const COMPLETED = '{"type":"run.completed","payload":{"status":"succeeded"}}';
const LINE_START = Buffer.from('{"sequence":');

export type RuncastLog = PeerLog & {
  runId: string;
  /** Appends lines as they are. */
  appendLines: (lines: string) => Promise<void>;
  get: (path: string) => Promise<string>;
  /** The same, as it comes. */
  open: (path: string) => Promise<IncomingMessage>;
};

/** Speaks to a server as the contract says. */
export class RuncastApi {
  readonly #url: string;
  readonly #headers: { authorization: string };

  constructor(url: string, token: string) {
    this.#url = url;
    this.#headers = { authorization: `Bearer ${token}` };
  }

  text(path: string, method = "GET"): Promise<string> {
    return askText(this.#url + path, { method, headers: this.#headers });
  }

  /** A run of its own. Who started the server can take its object out of memory. */
  async newLog(evict?: (runId: string) => Promise<void>): Promise<RuncastLog> {
    const created: { run_id: string } = JSON.parse(await this.text("/api/workspaces/default/runs", "POST"));
    const runId = created.run_id;
    const path = `/api/runs/${runId}`;
    const appendLines = (lines: string): Promise<void> => this.#append(path, lines);
    return {
      runId,
      appendLines,
      append: (event, times) => appendLines(`${event}\n`.repeat(times)),
      watch: (received, options) => this.#watch(path, received, options),
      read: () => this.#open(`${path}/events`),
      get: (more) => this.text(path + more),
      open: (more) => this.#open(path + more),
      socket: (afterSequence, received) => this.#socket(path, afterSequence, received),
      // Ended and archived: until then its archive is being made.
      finish: async () => {
        await appendLines(COMPLETED);
        for (const deadline = performance.now() + ARCHIVED_WITHIN_MS; !(await this.#isArchived(path));) {
          if (performance.now() > deadline) throw new Error(`${path} was not archived`);
          await sleep(200);
        }
      },
      object: {
        evict: async () => {
          if (evict === undefined) throw new Error("nothing can be evicted on this server");
          await evict(runId);
        },
        ask: async () => void (await this.text(path)),
        readWindow: (after, events) => this.text(`${path}/events?after_sequence=${after}&limit=${events}`),
      },
    };
  }

  async #open(path: string): Promise<IncomingMessage> {
    const answer = await ask(this.#url + path, { headers: this.#headers });
    if (answer.statusCode !== 200) throw new Error(`${path} was answered with ${answer.statusCode}`);
    return answer;
  }

  /** Acknowledges as the contract asks of a watcher. */
  async #watch(path: string, received: (bytes: Buffer) => void, options?: WatchOptions): Promise<Leave> {
    let unacknowledged = 0;
    const taken = (frame: Buffer, socket: WebSocket): void => {
      received(frame);
      unacknowledged += frame.length;
      if (unacknowledged < ACKNOWLEDGE_EVERY_BYTES) return;
      const sequence = lastSequenceOf(frame);
      if (sequence === null || socket.readyState !== socket.OPEN) return;
      unacknowledged = 0;
      socket.send(`{"op":"ack","sequence":${sequence}}`);
    };
    return leaving(await this.#socket(path, 0, taken, options));
  }

  #socket(
    path: string,
    afterSequence: number,
    received: (frame: Buffer, socket: WebSocket) => void,
    options: WatchOptions = {},
  ): Promise<WebSocket> {
    const url = `${this.#url}${path}/live?after_sequence=${afterSequence}`;
    return openSocket(url, received, { ...options, protocol: "runcast.v1", headers: this.#headers });
  }

  /** Waits when the server says that it has enough for now, as every client of it does. */
  async #append(path: string, lines: string): Promise<void> {
    for (;;) {
      const answer = await ask(`${this.#url}${path}/events`, {
        method: "POST",
        headers: { ...this.#headers, "content-type": "application/x-ndjson" },
        body: lines,
      });
      for await (const _ of answer) continue;
      if (answer.statusCode === 200) return;
      if (answer.statusCode !== 429) throw new Error(`an append was answered with ${answer.statusCode}`);
      await sleep(Number(answer.headers["retry-after"] ?? 1) * 1_000);
    }
  }

  /** Only an archived log is answered by byte ranges. */
  async #isArchived(path: string): Promise<boolean> {
    const headers = { ...this.#headers, range: "bytes=0-0" };
    const answer = await ask(`${this.#url}${path}/events`, { headers });
    answer.destroy();
    return answer.statusCode === 206;
  }
}

function lastSequenceOf(frame: Buffer): number | null {
  const at = frame.lastIndexOf(LINE_START);
  return at < 0
    ? null
    : Number.parseInt(frame.toString("latin1", at + LINE_START.length, at + LINE_START.length + 20), 10);
}
