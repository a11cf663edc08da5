import { setTimeout as sleep } from "node:timers/promises";
import type { AppendAnswer } from "../../../protocol/api.ts";
import type { Api } from "../../support/api.ts";
import type { Random } from "./random.ts";

/** One line as it was sent. The number has more digits than a double holds: whoever encodes the line again loses some. */
export const sentLine = (message: string): string =>
  `{"type":"console.line","payload":{"stream":"stdout","message":${JSON.stringify(message)},"n":10000000000000000000001}}\n`;

export type SentBatch = { messages: string[]; answer: AppendAnswer | null };

/** Statuses that say "not now": whoever sends the same again loses nothing. */
export const TRY_AGAIN = new Set([429, 503]);

/**
 * Sends numbered batches until it is stopped or the run has ended, each again until it is answered. Now and then it sends what must be
 * refused, and a batch that was answered already.
 */
export class LaboratoryProducer {
  readonly batches: SentBatch[] = [];
  /** Messages of batches that were refused; none may be anywhere. */
  readonly refused: string[] = [];
  /** Answers that the contract does not have. */
  readonly faults: string[] = [];
  retries = 0;
  readonly runId: string;
  readonly #api: Api;
  readonly #id: string;
  readonly #random: Random;
  readonly #paddings: number[];
  #isStopped = false;
  readonly stopped: Promise<void>;

  constructor(api: Api, runId: string, id: string, random: Random, paddings: number[]) {
    this.#api = api;
    this.runId = runId;
    this.#id = id;
    this.#random = random;
    this.#paddings = paddings;
    this.stopped = this.#write();
  }

  /** No further batch; resolves when the last one was answered. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.stopped;
  }

  async #write(): Promise<void> {
    for (let number = 1; !this.#isStopped; number += 1) {
      const padding = "x".repeat(this.#random.pick(this.#paddings) ?? 0);
      const messages = Array.from(
        { length: this.#random.between(1, 12) },
        (_, at) => `${this.#id} ${number}.${at}${padding}`,
      );
      const batch: SentBatch = { messages, answer: null };
      this.batches.push(batch);
      if (this.#random.chance(0.05)) await this.#sendBad(number);
      const answer = await this.#deliver(number, messages.map(sentLine).join(""));
      if (answer === null) return;
      batch.answer = answer;
      if (this.#random.chance(0.05)) await this.#repeat(number, batch);
      await sleep(this.#random.below(40));
    }
  }

  /** Null when the run has ended. */
  async #deliver(number: number, body: string): Promise<AppendAnswer | null> {
    for (;;) {
      const answer = await this.#send(number, body);
      if (answer?.status === 200) return answer.json<AppendAnswer>();
      if (answer?.status === 409 && answer.json().code === "RUN_ENDED") return null;
      if (answer !== null && !TRY_AGAIN.has(answer.status)) {
        this.faults.push(`batch ${number} of ${this.#id}: ${answer.status} ${answer.text.slice(0, 200)}`);
      }
      this.retries += 1;
      await sleep(30 + this.#random.below(60));
    }
  }

  #send(number: number, body: string) {
    const headers = {
      "producer-id": this.#id,
      "producer-epoch": "0",
      "producer-sequence": String(number),
    };
    // No answer: it may be stored or not, and only sending it again tells.
    return this.#api.append(this.runId, body, headers, 8_000).catch(() => null);
  }

  /** One bad line makes the whole batch refused, its number is not used up. */
  async #sendBad(number: number): Promise<void> {
    const message = `refused ${this.#id} ${number}`;
    this.refused.push(message);
    const answer = await this.#send(number, `${sentLine(message)}{"type":"run.queued","payload":{}}\n`);
    if (answer !== null && ![422, 409, 429, 503].includes(answer.status)) {
      this.faults.push(`a bad batch of ${this.#id}: ${answer.status} ${answer.text.slice(0, 200)}`);
    }
  }

  async #repeat(number: number, batch: SentBatch): Promise<void> {
    const again = await this.#send(number, batch.messages.map(sentLine).join(""));
    if (again === null || TRY_AGAIN.has(again.status)) return;
    const { first_sequence, last_sequence, duplicate } = again.json<AppendAnswer>();
    if (
      again.status !== 200 ||
      !duplicate ||
      first_sequence !== batch.answer?.first_sequence ||
      last_sequence !== batch.answer.last_sequence
    ) {
      this.faults.push(`batch ${number} of ${this.#id} again: ${again.status} ${again.text.slice(0, 200)}`);
    }
  }
}
