import { WebSocket } from "ws";
import type { Api, SentEvent } from "./api.ts";
import { ndjson } from "./api.ts";
import { heed } from "./heed-socket.ts";
import type { SocketTraffic } from "./socket-traffic.ts";
import { waitUntil } from "./wait-until.ts";
import type { Closing, Control } from "./watcher.ts";

/** One `runcast.produce.v1` socket and every frame that came over it. */
export class ProducerSocket {
  readonly frames: Control[] = [];
  pongs = 0;
  closing: Closing | null = null;
  refusal: { status: number; code: string } | null = null;
  readonly socket: WebSocket;
  readonly #traffic: SocketTraffic;

  constructor(api: Api, runId: string, query = "producer_id=p&producer_epoch=0", token = api.token) {
    const url = `${api.url.replace("http", "ws")}/api/runs/${runId}/produce?${query}`;
    this.socket = new WebSocket(url, ["runcast.produce.v1"], { headers: { authorization: `Bearer ${token}` } });
    this.#traffic = heed(this.socket, ({ status, code }) => (this.refusal = { status, code }));
    this.socket.on("message", (data: Buffer) => {
      const text = data.toString();
      if (text === "pong") this.pongs += 1;
      else this.frames.push(JSON.parse(text));
    });
    this.socket.on("close", (code, reason) => (this.closing ??= { code, reason: reason.toString() }));
  }

  send(frame: string): void {
    this.#traffic.tries(frame);
    this.socket.send(frame);
  }

  append(sequence: number, events: SentEvent[] | string): void {
    const lines = typeof events === "string" ? events : ndjson(events);
    this.send(`${JSON.stringify({ op: "append", producer_sequence: sequence })}\n${lines}`);
  }

  /** The frame `at` (from 0), when it has come. */
  async frame(at: number): Promise<Control> {
    await waitUntil(`frame ${at} comes`, () => this.frames.length > at || this.closing !== null, { everyMs: 5 });
    const frame = this.frames[at];
    if (frame === undefined) throw new Error(`closed ${JSON.stringify(this.closing)} before frame ${at}`);
    return frame;
  }

  async closed(): Promise<Closing> {
    await waitUntil("the socket is closed", () => this.closing !== null, { everyMs: 5 });
    return this.closing ?? { code: 0, reason: "" };
  }
}
