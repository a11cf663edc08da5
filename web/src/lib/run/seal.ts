import type { Proof, Run } from "../../../../protocol/api.ts";
import { isTerminal } from "../../../../protocol/event.ts";
import { formatCount } from "../format/number.ts";

/** What the server answered when it was asked to read the whole stored log again. */
export type Verification =
  | { kind: "none" }
  | { kind: "running" }
  | { kind: "answered"; at: number; proof: Proof }
  | { kind: "failed"; reason: string };

export type SealFacts = {
  run: Run;
  /** The end came, after the last line. */
  isComplete: boolean;
  /** Lines of the stored log that this page was told it cannot have. */
  damagedLines: number;
  /** Of every line, as this page received it; null when it has not received them all. */
  received: string | null;
  /** Of every line, as the server says with the end; null when it does not. */
  stored: string | null;
  verification: Verification;
};

/** What a finished log may claim. `complete` is never said on somebody's word alone: this page has compared, or the server has just read it all again. */
export type Seal =
  | { kind: "none" }
  | {
      kind: "complete";
      events: number;
      sha256: string;
      /** This page hashed every line itself. */ isOwn: boolean;
      verifiedAt: number | null;
    }
  /** It has ended; whether all of it is there has not been looked at from here. */
  | { kind: "ended"; events: number }
  | { kind: "broken"; events: number; what: Broken; verifiedAt: number | null };
/** Lines that cannot be read; lines that are not there; lines that this page has otherwise than the server. */
export type Broken = "damaged" | "incomplete" | "differs";

export function sealOf({ run, isComplete, damagedLines, received, stored, verification }: SealFacts): Seal {
  const events = run.last_sequence;
  const broken = (what: Broken, verifiedAt: number | null = null): Seal => ({
    kind: "broken",
    events,
    what,
    verifiedAt,
  });
  if (!isTerminal(run.status) || !isComplete) return { kind: "none" };
  if (verification.kind === "answered") {
    const { proof, at } = verification;
    if (!proof.complete) return broken(proof.damaged.length > 0 ? "damaged" : "incomplete", at);
    if (received !== null && received !== proof.sha256) return broken("differs", at);
    return { kind: "complete", events, sha256: proof.sha256, isOwn: received !== null, verifiedAt: at };
  }
  if (damagedLines > 0) return broken("damaged");
  if (run.incomplete) return broken("incomplete");
  if (received === null || stored === null) return { kind: "ended", events };
  if (received !== stored) return broken("differs");
  return { kind: "complete", events, sha256: stored, isOwn: true, verifiedAt: null };
}

/** One or two words, as much as a seal holds. */
export function sealWords(seal: Exclude<Seal, { kind: "none" }>): string {
  if (seal.kind !== "broken") return seal.kind;
  return seal.what === "differs" ? "not as stored" : seal.what;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** `verified just now`, `verified 3 min ago`; of a log that is not whole, when that was found. */
export function verifiedAgo(seal: Seal, now: number): string | null {
  if (!("verifiedAt" in seal) || seal.verifiedAt === null) return null;
  const does = seal.kind === "complete" ? "verified" : "checked";
  const ms = now - seal.verifiedAt;
  if (ms < MINUTE_MS) return `${does} just now`;
  if (ms < HOUR_MS) return `${does} ${Math.floor(ms / MINUTE_MS)} min ago`;
  return `${does} ${Math.floor(ms / HOUR_MS)} h ago`;
}

type Range = { first: number; last: number };
const SHOWN_RANGES = 4;

/** `events 120 to 131 and event 140 are missing`, of ranges as they are verified. */
export function rangesInWords(ranges: readonly Range[], what: string): string | null {
  if (ranges.length === 0) return null;
  const shown = ranges
    .slice(0, SHOWN_RANGES)
    .map(({ first, last }) =>
      first === last ? `event ${formatCount(first)}` : `events ${formatCount(first)} to ${formatCount(last)}`,
    );
  const more = ranges.length - shown.length;
  const all = more > 0 ? [...shown, `${formatCount(more)} other ranges`] : shown;
  const isOne = ranges.length === 1 && ranges[0]?.first === ranges[0]?.last;
  return `${listed(all)} ${isOne ? "is" : "are"} ${what}`;
}

const listed = (parts: readonly string[]): string =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1) ?? ""}`;
