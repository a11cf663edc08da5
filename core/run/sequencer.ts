import type { Refusal } from "../../protocol/error-code.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** A batch's number, as its producer gave it. */
export type ProducerNumber = { id: string; epoch: number; sequence: number };

/** Where a producer's batch stands in the log; nulls for a batch without lines. */
export type Positions = { firstSequence: number | null; lastSequence: number | null; accepted: number };

/** The positions of a batch with one more line. */
export const extend = (own: Positions, sequence: number): Positions => ({
  firstSequence: own.firstSequence ?? sequence,
  lastSequence: sequence,
  accepted: own.accepted + 1,
});

/** What one accepted batch of a named producer leaves behind. It is stored in the row of the batch itself. */
export type ProducerMark = ProducerNumber & Positions;

/** What is remembered of a producer: its epoch, its last number, and the positions of its last 64 batches, oldest first. */
export type Producer = { epoch: number; last: number; batches: Positions[] };
export type Producers = Record<string, Producer>;

export type Admission =
  | { kind: "admitted" }
  | { kind: "duplicate"; positions: Positions }
  | { kind: "rejected"; refusal: Refusal };

/** Whether a batch is next, a repeat, or neither. A rejected batch uses up no number and fences nobody. [SEQ3] [SEQ4] [SEQ5] */
export function admit(producers: Producers, number: ProducerNumber): Admission {
  const known = Object.hasOwn(producers, number.id) ? producers[number.id] : undefined;
  if (known !== undefined && number.epoch < known.epoch) {
    return {
      kind: "rejected",
      refusal: {
        code: "PRODUCER_FENCED",
        detail: `Producer ${number.id} goes on in epoch ${known.epoch}; epoch ${number.epoch} may not append any more.`,
      },
    };
  }
  const last = known !== undefined && known.epoch === number.epoch ? known.last : 0;
  if (number.sequence <= last) {
    const age = last - number.sequence;
    const positions = known?.batches[known.batches.length - 1 - age];
    return { kind: "duplicate", positions: positions ?? { firstSequence: null, lastSequence: null, accepted: 0 } };
  }
  if (number.sequence > last + 1) {
    return {
      kind: "rejected",
      refusal: {
        code: "PRODUCER_GAP",
        detail: `Batch ${number.sequence} came, but ${last + 1} is next. Send the missing batches first.`,
        expected: last + 1,
      },
    };
  }
  return { kind: "admitted" };
}

/** Adds an accepted batch to what is remembered. Changes `producers` in place: it grows with every append. */
export function remember(producers: Producers, mark: ProducerMark): void {
  const positions: Positions = {
    firstSequence: mark.firstSequence,
    lastSequence: mark.lastSequence,
    accepted: mark.accepted,
  };
  const known = Object.hasOwn(producers, mark.id) ? producers[mark.id] : undefined;
  if (known === undefined || known.epoch !== mark.epoch) {
    // defineProperty: a producer may call itself "__proto__".
    Object.defineProperty(producers, mark.id, {
      value: { epoch: mark.epoch, last: mark.sequence, batches: [positions] },
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return;
  }
  known.last = mark.sequence;
  known.batches.push(positions);
  if (known.batches.length > LIMITS.rememberedBatches) known.batches.shift();
}

/** The next number of a producer in an epoch: what a produce socket is greeted with. */
export function expectedSequence(producers: Producers, id: string, epoch: number): number {
  const known = Object.hasOwn(producers, id) ? producers[id] : undefined;
  return known !== undefined && known.epoch === epoch ? known.last + 1 : 1;
}
