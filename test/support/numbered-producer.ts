import { setTimeout as sleep } from "node:timers/promises";
import { type Api, consoleLine, ndjson, type SentEvent } from "./api.ts";
import type { AppendAnswer } from "../../protocol/api.ts";

/** A batch that the server said it has. */
export type Acknowledged = { messages: string[]; answer: AppendAnswer };

/** Sends numbered batches, the same one again until it is answered: through refusals for the moment, and through a server that dies under it. */
export class NumberedProducer {
  readonly acknowledged: Acknowledged[] = [];
  readonly id: string;
  retries = 0;
  readonly #api: Api;
  readonly #runId: string;
  readonly #answerMs: number;
  #sequence = 0;

  /** A batch that is not answered for `answerMs` is sent again: its connection may have died without a word. */
  constructor(api: Api, runId: string, id: string, answerMs = 5_000) {
    this.#answerMs = answerMs;
    this.#api = api;
    this.#runId = runId;
    this.id = id;
  }

  /** `count` console lines whose messages no other batch has. */
  deliver(count: number, padding = ""): Promise<Acknowledged> {
    const batch = this.#sequence + 1;
    const messages = Array.from({ length: count }, (_, at) => `${this.id} ${batch}.${at}${padding}`);
    return this.deliverEvents(messages.map(consoleLine), messages);
  }

  async deliverEvents(events: SentEvent[], messages: string[] = []): Promise<Acknowledged> {
    this.#sequence += 1;
    const headers = {
      "producer-id": this.id,
      "producer-epoch": "0",
      "producer-sequence": String(this.#sequence),
    };
    for (const deadline = Date.now() + 60_000; ; await sleep(40)) {
      const answer = await this.#api
        .append(this.#runId, ndjson(events), headers, this.#answerMs)
        .catch((error: unknown) => {
          // No answer: it may be stored or not, and only sending it again tells.
          if (Date.now() > deadline) throw error;
          return null;
        });
      if (answer?.status === 200) {
        const acknowledged = { messages, answer: answer.json<AppendAnswer>() };
        this.acknowledged.push(acknowledged);
        return acknowledged;
      }
      if (answer !== null && ![429, 500, 503].includes(answer.status)) {
        throw new Error(`batch ${this.#sequence} of ${this.id}: ${answer.status} ${answer.text}`);
      }
      this.retries += 1;
    }
  }
}
