import { LogVerifier, NEWLINE, type ProvedPart } from "../../protocol/proof/log-verifier.ts";
import { proveArchive, type ProofStep, type Verification } from "../../protocol/proof/prove-archive.ts";
import type { LogWindow, SegmentKey } from "../ports.ts";
import type { TailOutcome } from "../run/commands.ts";
import { clip } from "./read-log.ts";

/** Where the stored bytes of a run are, and what they are verified with. */
export type StoredBytes = Verification & {
  tail(afterSequence: number): Promise<TailOutcome>;
  segment(segment: SegmentKey): Promise<AsyncIterable<Uint8Array> | null>;
  whole(): Promise<AsyncIterable<Uint8Array> | null>;
  /** The file as it is; null when it is not there. */
  manifest(): Promise<string | null>;
};

/**
 * Reads the whole stored log once and tells whether it is whole: an archived one against its manifest, an open one part by part, its segments against the
 * hashes that its object keeps. A run that is archived meanwhile is begun again. `known` is how D1 knows it. [VER1] [VER2] [VER3]
 */
export async function* verifyLog(
  stored: StoredBytes,
  known: { isEnded: boolean; lastSequence: number },
): AsyncGenerator<ProofStep, void> {
  if (known.isEnded && (await stored.manifest()) !== null) return yield* verifyArchived(stored, known.lastSequence);
  const first = await stored.tail(0);
  const isArchived = first.kind === "unknown" || (yield* verifyHeld(stored, first.headSequence)) === "archived";
  if (isArchived) yield* verifyArchived(stored, known.lastSequence);
}

/** `lastSequence`: what the log must reach at least. */
async function* verifyArchived(stored: StoredBytes, lastSequence: number): AsyncGenerator<ProofStep, void> {
  const files = { manifest: await stored.manifest(), body: await stored.whole(), lastSequence };
  yield* proveArchive(files, stored);
}

/** A log that its object still holds. "archived": it went to the archive meanwhile, and what was read of it proves nothing. */
async function* verifyHeld(stored: StoredBytes, headSequence: number): AsyncGenerator<ProofStep, "done" | "archived"> {
  const verifier = new LogVerifier(() => stored.newHash(), headSequence);
  for (let position = 0; position < headSequence;) {
    const tail = await stored.tail(position);
    if (tail.kind === "unknown") return "archived";
    if (tail.window !== null) {
      const { lastSequence } = tail.window;
      yield* reading(verifier, [{ ...tail.window, sha256: null }], linesOf(clip(tail.window, position)));
      position = lastSequence;
      continue;
    }
    for (const segment of tail.segments) {
      const body = await stored.segment(segment);
      if (body === null && (await stored.manifest()) !== null) return "archived";
      // Its first lines were hot when they were read: of the rest alone there is no hash.
      const isRest = segment.firstSequence <= position;
      if (body === null) verifier.lose({ ...segment, firstSequence: Math.max(position + 1, segment.firstSequence) });
      else if (isRest) {
        const rest = withoutLines(body, position - segment.firstSequence + 1);
        yield* reading(verifier, [{ ...segment, firstSequence: position + 1, sha256: null }], rest);
      } else yield* reading(verifier, [segment], body);
      position = segment.lastSequence;
    }
    if (tail.segments.length === 0) break;
  }
  yield { kind: "proof", proof: { ...(await verifier.finish(null)), manifest: "not_yet", signed_by: null } };
  return "done";
}

async function* reading(
  verifier: LogVerifier,
  parts: readonly ProvedPart[],
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<ProofStep, void> {
  for await (const _piece of verifier.read(parts, body)) yield { kind: "progress", ...verifier.progress };
}

async function* linesOf(window: LogWindow | null): AsyncGenerator<Uint8Array> {
  if (window !== null) yield new TextEncoder().encode(window.lines);
}

async function* withoutLines(body: AsyncIterable<Uint8Array>, lines: number): AsyncGenerator<Uint8Array> {
  let left = lines;
  for await (const piece of body) {
    let from = 0;
    for (; left > 0 && from < piece.length; left -= 1) {
      const end = piece.indexOf(NEWLINE, from);
      if (end === -1) break;
      from = end + 1;
    }
    if (left === 0) yield piece.subarray(from);
  }
}
