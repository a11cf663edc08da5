import { createHash } from "node:crypto";

/**
 * How far the delivery of a spool has come. Bytes are counted over all lines that were ever written to it. The batch that was taken last is the
 * lines `from` to `to`; everything before is stored, and that batch as well once it is `answered`.
 */
export type SpoolState = {
  epoch: number;
  batch: number;
  from: number;
  to: number;
  answered: boolean;
  /** Null until the server has made the run. */
  runId: string | null;
};

export const FIRST_STATE: SpoolState = { epoch: 0, batch: 0, from: 0, to: 0, answered: true, runId: null };

/** Of one slot. A state is far below that: a full disk must never keep the next one from being written in place of the one before the last. */
export const SLOT_BYTES = 256;
const SLOTS = 2;
const CHECK_CHARS = 16;

/** Where the state number `turn` is written. States take turns, so that one that is cut leaves the one before whole. [SPL3] */
export const slotAt = (turn: number): number => (turn % SLOTS) * SLOT_BYTES;

/** One slot: a line of ASCII, padded, with a check over itself. */
export function encodeState(state: SpoolState, turn: number): string {
  const text = JSON.stringify([turn, state.epoch, state.batch, state.from, state.to, state.answered, state.runId]);
  return `${checkOf(text)} ${text}`.padEnd(SLOT_BYTES - 1) + "\n";
}

/** The newest state of a file of slots, wherever it was cut; null when none is whole. */
export function readState(file: string): { state: SpoolState; turn: number } | null {
  const found = Array.from({ length: SLOTS }, (_, slot) =>
    readSlot(file.slice(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)),
  );
  return found.reduce((best, one) => (one !== null && (best === null || one.turn > best.turn) ? one : best), null);
}

function readSlot(slot: string): { state: SpoolState; turn: number } | null {
  const text = slot.slice(CHECK_CHARS + 1).trimEnd();
  if (slot.length !== SLOT_BYTES || slot.slice(0, CHECK_CHARS) !== checkOf(text)) return null;
  // What carries its check is what was written.
  const [turn, epoch, batch, from, to, answered, runId]: [
    number,
    number,
    number,
    number,
    number,
    boolean,
    string | null,
  ] = JSON.parse(text);
  return { state: { epoch, batch, from, to, answered, runId }, turn };
}

const checkOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, CHECK_CHARS);
