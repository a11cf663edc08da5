import { contractOf, type Api } from "./api.ts";
import type { Contract } from "./contract.ts";

export type SseMessage = { id: string | null; event: string | null; data: string };

/** One answer of server-sent events, parsed as it comes. */
export class SseReader {
  readonly messages: SseMessage[] = [];
  readonly comments: string[] = [];
  /** Everything, as it came. */
  text = "";
  status = 0;
  isDone = false;
  #contract: Contract | null = null;
  readonly #abort = new AbortController();
  readonly done: Promise<void>;

  constructor(api: Api, runId: string, query = "", headers: Record<string, string> = {}) {
    this.done = this.#read(`${api.url}/api/runs/${runId}/events?${query}`, {
      authorization: `Bearer ${api.token}`,
      accept: "text/event-stream",
      ...headers,
    });
  }

  /** The lines of the log: every message without an event name. */
  get lines(): string[] {
    return this.messages.filter(({ event }) => event === null).map(({ data }) => data);
  }

  get end(): { status: string; last_sequence: number; sha256: string | null } | null {
    const message = this.messages.find(({ event }) => event === "end");
    return message === undefined ? null : JSON.parse(message.data);
  }

  /** Leaves without a word, as a browser does. */
  leave(): void {
    this.#abort.abort();
  }

  async #read(url: string, headers: Record<string, string>): Promise<void> {
    try {
      const response = await fetch(url, { headers, signal: this.#abort.signal });
      this.status = response.status;
      const exchange = {
        method: "GET",
        path: new URL(url).pathname,
        status: response.status,
        headers: response.headers,
      };
      this.#contract = await contractOf(new URL(url).origin);
      this.#expectAllowed(this.#contract.faultOf({ ...exchange, text: null }));
      let rest = "";
      for await (const piece of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
        this.text += piece;
        const blocks = (rest + piece).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.#take(block);
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    }
    this.isDone = true;
  }

  #expectAllowed(fault: string | null): void {
    if (fault !== null) throw new Error(fault);
  }

  #take(block: string): void {
    const message: SseMessage = { id: null, event: null, data: "" };
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":");
      const field = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^ /, "");
      if (field === "") this.comments.push(value);
      else if (field === "id") message.id = value;
      else if (field === "event") message.event = value;
      else if (field === "data") message.data = value;
    }
    if (message.data === "") return;
    this.messages.push(message);
    const fault = message.event === null ? this.#contract?.eventFaultOf(message.data, this.messages.length) : null;
    this.#expectAllowed(fault ?? null);
  }
}
