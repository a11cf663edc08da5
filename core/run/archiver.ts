import { isTerminal } from "../../protocol/event.ts";
import { manifestText, signedText, type UnsignedManifest } from "../../protocol/proof/manifest.ts";
import { bytesToHex } from "../../protocol/hex.ts";
import type { ArchiveProgress, EventLog, RunPorts, Segment, SegmentDamage, SegmentKey } from "../ports.ts";
import { backoffMs, wrongLogPauseMs } from "./alarm-plan.ts";
import {
  begunAnew,
  logBytes,
  nextArchiveStep,
  planSegment,
  requestsOf,
  wrongOf,
  type ArchiveStep,
} from "./archive-plan.ts";
import { GatheredLog } from "./gathered-log.ts";
import { endSha256, hashedWith } from "./log-hash.ts";
import { buildManifest } from "./manifest.ts";
import { checkpointOf, storedThrough, type RunMemory } from "./run-memory.ts";
import { salvage, type Salvage } from "./salvage.ts";

/** What the archiver asks of the run it archives. */
export type ArchiverHost = {
  /** The run as it is now, or null when it was erased meanwhile. */
  memory(): RunMemory | null;
  watchersBehind(): boolean;
  indexPending(): boolean;
  /** Writes the row to D1; throws when that fails. */
  writeIndex(): Promise<void>;
  /** R2 refuses, or takes what it is given: told in the log of an open run. */
  degraded(error: unknown): void;
  recovered(): void;
  /** What was found to be left of a segment; null: all of it. */
  segmentJudged(memory: RunMemory, segment: Segment, damage: SegmentDamage | null): void;
  /** The whole log is made, and lacks something or does not. */
  composed(memory: RunMemory, isIncomplete: boolean): void;
  /** The object is to be emptied: forget everything. */
  emptied(): void;
};

type ArchiverPorts = Pick<RunPorts, "log" | "archive" | "clock" | "sha256" | "sign" | "report">;

/** A segment as it was found, and what of it the whole log can have. */
type Judged = Pick<Salvage, "lost"> & { bytes: Uint8Array; damage: SegmentDamage | null };

/** One invocation may make 10,000 requests, and others need some of them; the alarm goes on with the rest. [ARC5] */
const MOST_REQUESTS = 5_000;

/**
 * Carries a run's lines to R2, one planned step after another. Every step can be repeated after a kill at any point:
 * what it will write is decided and stored before it is written, and done only when it is known to be there. [ARC1] [ARC2]
 */
export class Archiver {
  readonly #ports: ArchiverPorts;
  readonly #host: ArchiverHost;
  readonly #gathered = new GatheredLog();
  #running: Promise<void> | null = null;
  #failures = 0;
  #retryAt: number | null = null;

  constructor(ports: ArchiverPorts, host: ArchiverHost) {
    this.#ports = ports;
    this.#host = host;
  }

  /** When the archive is next due: for the alarm. */
  dueAt(): number | null {
    const memory = this.#host.memory();
    if (memory === null) return null;
    const step = this.#next(memory);
    const at = step.kind === "wait" ? step.until : this.#ports.clock.now();
    return at === null || this.#retryAt === null ? at : Math.max(at, this.#retryAt);
  }

  /** Does what is due, one step after another, until nothing is. At most one of these is under way. */
  work(): Promise<void> {
    this.#running ??= this.#workThrough().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Resolves when no step is under way. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #workThrough(): Promise<void> {
    for (let requests = 0; ;) {
      const memory = this.#host.memory();
      if (memory === null) return;
      if (this.#retryAt !== null && this.#retryAt > this.#ports.clock.now()) return;
      const step = this.#next(memory);
      if (step.kind === "wait") return;
      requests += requestsOf(step, memory.segments.length);
      if (requests > MOST_REQUESTS) return;
      try {
        await this.#do(step, memory);
      } catch (error) {
        this.#failures += 1;
        this.#retryAt = this.#ports.clock.now() + backoffMs(this.#failures);
        this.#host.degraded(error);
        return;
      }
      this.#retryAt = null;
      // To decide a segment's range is no sign of R2. That the archive failed is in the log, so another object may have failed before this one.
      if (step.kind === "plan_segment") continue;
      this.#failures = 0;
      this.#host.recovered();
    }
  }

  #next(memory: RunMemory): ArchiveStep {
    return nextArchiveStep({
      ended: isTerminal(memory.state.status),
      now: this.#ports.clock.now(),
      segments: memory.segments,
      hotBytes: memory.hotBytes,
      oldestHotAt: memory.oldestHotAt,
      archive: memory.archive,
      gathered: this.#gathered.range(),
      indexPending: this.#host.indexPending(),
      watchersBehind: this.#host.watchersBehind(),
    });
  }

  async #do(step: Exclude<ArchiveStep, { kind: "wait" }>, memory: RunMemory): Promise<void> {
    const { archive, log } = this.#ports;
    const run = memory.identity;
    switch (step.kind) {
      case "plan_segment": {
        const planned = planSegment(log.rowsAfter(storedThrough(memory)));
        if (planned === null) throw new Error("hot bytes without hot rows");
        this.#keepSegment(memory, { ...planned, sha256: null });
        return;
      }
      case "put_segment":
        return this.#putSegment(memory, step.segment);
      case "gather": {
        const stored = await archive.readSegments(run, step.segments);
        const bodies = await this.#judged(memory, step.segments, stored);
        if (bodies !== null) this.#gathered.add(step.from, bodies);
        return;
      }
      case "put_log":
        await archive.putLog(run, this.#gathered.take(step.range));
        return this.#composed(memory);
      case "start_upload": {
        const uploadId = await archive.startUpload(run);
        const { partBytes } = step;
        this.#keepProgress(memory, { phase: "composing", uploadId, partBytes, parts: [], ...wrongOf(memory.archive) });
        return;
      }
      case "upload_part": {
        const part = await archive.uploadPart(run, step, this.#gathered.take(step.range));
        if (part.kind === "gone") return this.#uploadGone(memory);
        this.#gathered.dropThrough(step.range.to);
        if (memory.archive.phase !== "composing") return;
        const parts = [...memory.archive.parts, { partNumber: step.partNumber, etag: part.etag }];
        this.#keepProgress(memory, { ...memory.archive, parts });
        return;
      }
      case "complete_upload": {
        const answer = await archive.completeUpload(run, step);
        return answer.kind === "gone" ? this.#uploadGone(memory) : this.#composed(memory);
      }
      case "delete_log":
        // A step that begins with a write: it waits until that is durable, so an object whose storage is another's by now deletes nothing.
        if (this.#host.memory() !== memory) return;
        this.#keepProgress(memory, memory.archive);
        await archive.deleteLog(run);
        return this.#keepProgress(memory, begunAnew(memory.archive));
      case "write_manifest": {
        const { status, last_sequence: events } = memory.state;
        if (!isTerminal(status)) throw new Error(`a run that is ${status} has no manifest`);
        const sha256 = endSha256(log, memory) ?? step.sha256;
        const facts = { ...run, status, events, sha256, ahead: memory.ahead };
        const manifest = await buildManifest(facts, memory.segments, memory.producers, this.#ports.sha256);
        // The same bytes in every attempt: what it says is stored, and the signature is a function of it. [SIG1]
        const signature = await this.#ports.sign(signedText(manifest));
        await archive.putManifest(run, manifestText(manifest, signature));
        this.#keepProgress(memory, { phase: "proved" });
        return this.#report(memory, manifest);
      }
      case "write_index":
        return this.#host.writeIndex();
      case "delete_segments":
        await archive.deleteSegments(run, memory.segments);
        this.#keepProgress(memory, { phase: "cleared" });
        return;
      case "empty":
        // Forget before the storage is gone: whoever asks meanwhile is told that nothing is here.
        this.#host.emptied();
        await log.erase();
        return this.#host.emptied();
    }
  }

  async #putSegment(memory: RunMemory, key: SegmentKey): Promise<void> {
    const { archive, log } = this.#ports;
    const lines = collectLines(log, key);
    const put = await archive.putSegment(memory.identity, key, lines);
    const sha256 = put.kind === "stored" ? put.sha256 : await this.#replaceSegment(memory, key, lines, put.etag);
    // The run may have been erased or recalled while R2 worked: what is written down now must be about the run as it is.
    const now = this.#host.memory();
    const at = now?.segments.findIndex((segment) => segment.firstSequence === key.firstSequence) ?? -1;
    const segment = now?.segments[at];
    if (now === null || segment === undefined) return;
    const stored: Segment = { ...segment, sha256 };
    const hashed = hashedWith(now.hashed, lines);
    log.transaction(() => {
      log.putSegment(stored);
      log.putCheckpoint({ ...checkpointOf(now), hashed });
      log.dropThrough(stored.lastSequence);
    });
    now.segments[at] = stored;
    now.hashed = hashed;
    now.hotBytes -= stored.bytes;
    now.oldestHotAt = firstOf(log.rowsAfter(stored.lastSequence))?.receivedAt ?? null;
  }

  /**
   * Something else lies where the segment is to be: these lines are stored nowhere else yet, so it gives way. It is written down first, and what goes
   * to R2 waits until that is durable: an object whose storage is another's by now cannot undo what that has put there. [ARC7]
   */
  async #replaceSegment(memory: RunMemory, key: SegmentKey, lines: string, etag: string): Promise<string> {
    const { archive, log, report } = this.#ports;
    const planned = memory.segments.at(-1);
    if (this.#host.memory() !== memory || planned === undefined) throw new Error("the run has changed meanwhile");
    log.putSegment(planned);
    const { firstSequence: first, lastSequence: last } = key;
    report("segment_replaced", { workspace_id: memory.identity.workspaceId, first, last, etag });
    const replaced = await archive.replaceSegment(memory.identity, key, lines, etag);
    if (replaced.kind === "stored") return replaced.sha256;
    throw new Error(`what lies where the segment ${first}-${last} is to be has changed meanwhile`);
  }

  /**
   * What the archive is to have of these segments, each held against the hash it was stored with. Of a damaged one what is left: it must not hold up
   * the rest for ever. Null when that is news: it is written down first, and what was planned without it is planned again. [DMG1]
   */
  async #judged(
    memory: RunMemory,
    segments: readonly Segment[],
    stored: readonly (Uint8Array | null)[],
  ): Promise<Uint8Array[] | null> {
    const bodies: Uint8Array[] = [];
    for (const [at, segment] of segments.entries()) {
      const bytes = stored[at] ?? null;
      const judged = await this.#judge(segment, bytes);
      if (JSON.stringify(judged.damage) !== JSON.stringify(segment.damage ?? null)) {
        await this.#noteDamage(memory, segment, judged);
        return null;
      }
      bodies.push(judged.bytes);
    }
    return bodies;
  }

  async #judge(segment: Segment, stored: Uint8Array | null): Promise<Judged> {
    if (stored !== null && (await this.#hex(stored)) === segment.sha256)
      return { bytes: stored, damage: null, lost: [] };
    const { bytes, lost } = salvage(segment, stored);
    const sha256 = await this.#hex(bytes);
    // Something was added that is no line of it: without that it is whole.
    return { bytes, lost, damage: sha256 === segment.sha256 ? null : { bytes: bytes.length, sha256 } };
  }

  async #noteDamage(memory: RunMemory, segment: Segment, { damage, lost }: Judged): Promise<void> {
    // Erased or recalled while R2 was read.
    if (this.#host.memory() !== memory) return;
    const { firstSequence: first, lastSequence: last } = segment;
    const facts = { workspace_id: memory.identity.workspaceId, first, last, lost };
    this.#ports.report(damage === null ? "segment_mended" : "segment_damaged", facts);
    this.#host.segmentJudged(memory, segment, damage);
    this.#gathered.forget();
    const { archive } = memory;
    if (archive.phase !== "composing") return;
    // Parts that are there were cut where the bytes were before.
    this.#keepProgress(memory, begunAnew(archive));
    await this.#ports.archive.abortUpload(memory.identity, archive.uploadId);
  }

  async #hex(bytes: Uint8Array): Promise<string> {
    return bytesToHex(await this.#ports.sha256(bytes));
  }

  /** After a kill between `complete` and writing that down, R2 knows the upload no more but has the log. [ARC3] */
  async #uploadGone(memory: RunMemory): Promise<void> {
    const bytes = await this.#ports.archive.logBytes(memory.identity);
    if (bytes === logBytes(memory.segments)) return this.#composed(memory);
    this.#keepProgress(memory, begunAnew(memory.archive));
  }

  async #composed(memory: RunMemory): Promise<void> {
    this.#gathered.forget();
    const sha256 = await this.#ports.archive.hashLog(memory.identity);
    const isWhole = memory.segments.every(({ damage }) => damage === undefined);
    const written = endSha256(this.#ports.log, memory);
    if (isWhole && written !== null && sha256 !== written) {
      // R2 gives back other bytes than it took, or somebody else put them there. The segments are still right: they are read until it is. [ARC8]
      const count = (wrongOf(memory.archive).wrong?.count ?? 0) + 1;
      this.#ports.report("log_wrong", { workspace_id: memory.identity.workspaceId, sha256, expected: written, count });
      const until = this.#ports.clock.now() + wrongLogPauseMs(count);
      return this.#keepProgress(memory, { phase: "wrong", wrong: { count, until } });
    }
    if (this.#host.memory() === memory && memory.isIncomplete === isWhole) this.#host.composed(memory, !isWhole);
    this.#keepProgress(memory, { phase: "composed", sha256 });
  }

  #report({ identity, state }: RunMemory, { segments, events, bytes }: UnsignedManifest): void {
    const endedAt = Date.parse(state.completed_at ?? "");
    this.#ports.report("archived", {
      workspace_id: identity.workspaceId,
      segments: segments.length,
      events,
      bytes,
      duration_ms: this.#ports.clock.now() - endedAt,
    });
  }

  #keepSegment(memory: RunMemory, segment: Segment): void {
    this.#ports.log.putSegment(segment);
    memory.segments.push(segment);
  }

  #keepProgress(memory: RunMemory, archive: ArchiveProgress): void {
    // A run erased while a step was under way must not be written down again.
    if (this.#host.memory() !== memory) return;
    this.#ports.log.putArchive(archive);
    memory.archive = archive;
  }
}

/** The lines of a planned segment, from the rows that it covers whole. */
function collectLines(log: EventLog, key: SegmentKey): string {
  let lines = "";
  for (const row of log.batchesAfter(key.firstSequence - 1)) {
    if (row.lastSequence > key.lastSequence) break;
    lines += row.lines;
  }
  return lines;
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}
