import type { Proof, Run } from "../../../../protocol/api.ts";
import { isTerminal } from "../../../../protocol/event.ts";
import { formatCount } from "../format/number.ts";

/** What is known from having the server read the whole stored log again. An answer stands until the next one. */
export type Verification = {
  isRunning: boolean;
  answer: { at: number; proof: Proof } | null;
  /** Why the last attempt brought none. */
  problem: string | null;
};
export const NOT_VERIFIED: Verification = { isRunning: false, answer: null, problem: null };

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
/** Lines that are not as they were stored; that are not there; that nothing vouches for; that this page has otherwise than the server. */
export type Broken = "damaged" | "incomplete" | "unproved" | "differs";

export function sealOf({ run, isComplete, damagedLines, received, stored, verification }: SealFacts): Seal {
  const events = run.last_sequence;
  const broken = (what: Broken, verifiedAt: number | null = null): Seal => ({
    kind: "broken",
    events,
    what,
    verifiedAt,
  });
  if (!isTerminal(run.status) || !isComplete) return { kind: "none" };
  if (verification.answer !== null) {
    const { proof, at } = verification.answer;
    if (!proof.complete) return broken(whatIsBroken(proof), at);
    if (received !== null && received !== proof.sha256) return broken("differs", at);
    return { kind: "complete", events, sha256: proof.sha256, isOwn: received !== null, verifiedAt: at };
  }
  if (damagedLines > 0) return broken("damaged");
  if (run.incomplete) return broken("incomplete");
  if (received === null || stored === null) return { kind: "ended", events };
  if (received !== stored) return broken("differs");
  return { kind: "complete", events, sha256: stored, isOwn: true, verifiedAt: null };
}

function whatIsBroken({ gaps, damaged }: Proof): Broken {
  if (damaged.some(({ reason }) => reason !== "unproved")) return "damaged";
  return gaps.length > 0 ? "incomplete" : "unproved";
}

/** One or two words, as much as a seal holds. */
export function sealWords(seal: Exclude<Seal, { kind: "none" }>): string {
  if (seal.kind !== "broken") return seal.kind;
  return { damaged: "damaged", incomplete: "incomplete", unproved: "not proved", differs: "not as stored" }[seal.what];
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

/** What a verification found wrong, as one sentence's end. */
export function proofInWords({ gaps, damaged, manifest }: Proof): string {
  const found = [
    rangesInWords(gaps, "missing"),
    ...Object.entries(REASONS).map(([reason, words]) =>
      rangesInWords(
        damaged.filter((range) => range.reason === reason),
        words,
      ),
    ),
    MANIFESTS[manifest],
  ];
  return found.filter((words) => words !== null).join(", ");
}

const REASONS: Record<Proof["damaged"][number]["reason"], string> = {
  unreadable: "unreadable",
  misplaced: "out of place",
  altered: "not as they were written",
  unproved: "without proof",
};
const MANIFESTS: Record<Proof["manifest"], string | null> = {
  valid: null,
  not_yet: null,
  /** Of a file that is verified without a key; a server always has one. */
  unchecked: null,
  unsigned: "its manifest is not signed",
  other_key: "its manifest is signed with another server's key",
  edited: "its manifest was changed after it was signed",
  contradictory: "its manifest contradicts itself",
  unreadable: "its manifest cannot be read",
  missing: "its manifest is missing",
};

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
