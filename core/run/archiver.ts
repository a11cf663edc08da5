import { isTerminal } from "../../protocol/event.ts";
import { manifestText, signedText, type UnsignedManifest } from "../../protocol/proof/manifest.ts";
import { LogIndexer } from "../index/log-indexer.ts";
import type { ArchiveProgress, RunPorts, Segment, SegmentDamage } from "../ports.ts";
import { backoffMs, wrongLogPauseMs } from "./alarm-plan.ts";
import {
  begunAnew,
  logBytes,
  nextArchiveStep,
  partBytesFor,
  planSegment,
  requestsOf,
  wrongOf,
  type ArchiveStep,
} from "./archive-plan.ts";
import { GatheredLog } from "./gathered-log.ts";
import { judgeSegment, type Judged } from "./judge-segment.ts";
import { endSha256 } from "./log-hash.ts";
import { buildManifest } from "./manifest.ts";
import { putSegment } from "./put-segment.ts";
import { storedThrough, type RunMemory } from "./run-memory.ts";
import { TimelineWriter } from "./timeline-writer.ts";

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
        return putSegment(this.#ports, () => this.#host.memory(), memory, step.segment);
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
        const uploadId = await archive.startUpload(run, "log");
        const { partBytes } = step;
        this.#keepProgress(memory, { phase: "composing", uploadId, partBytes, parts: [], ...wrongOf(memory.archive) });
        return;
      }
      case "upload_part": {
        const part = await archive.uploadPart(run, { ...step, file: "log" }, this.#gathered.take(step.range));
        if (part.kind === "gone") return this.#uploadGone(memory);
        this.#gathered.dropThrough(step.range.to);
        if (memory.archive.phase !== "composing") return;
        const parts = [...memory.archive.parts, { partNumber: step.partNumber, etag: part.etag }];
        this.#keepProgress(memory, { ...memory.archive, parts });
        return;
      }
      case "complete_upload": {
        const answer = await archive.completeUpload(run, { ...step, file: "log" });
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
      const judged = await judgeSegment(segment, bytes, this.#ports.sha256);
      if (JSON.stringify(judged.damage) !== JSON.stringify(segment.damage ?? null)) {
        await this.#noteDamage(memory, segment, judged);
        return null;
      }
      bodies.push(judged.bytes);
    }
    return bodies;
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
    await this.abandon(memory, archive);
  }

  /** Ends the uploads that were under way. */
  async abandon({ identity }: RunMemory, archive: ArchiveProgress): Promise<void> {
    if (archive.phase !== "composing") return;
    await this.#ports.archive.abortUpload(identity, { file: "log", uploadId: archive.uploadId });
    await this.#abandonTimeline(identity, archive);
  }

  async #abandonTimeline(run: RunMemory["identity"], archive: ArchiveProgress): Promise<void> {
    if (archive.phase !== "composing" || archive.timelineUploadId === undefined) return;
    await this.#ports.archive.abortUpload(run, { file: "timeline", uploadId: archive.timelineUploadId });
  }

  /** After a kill between `complete` and writing that down, R2 knows the upload no more but has the log. [ARC3] */
  async #uploadGone(memory: RunMemory): Promise<void> {
    const bytes = await this.#ports.archive.logBytes(memory.identity);
    if (bytes === logBytes(memory.segments)) return this.#composed(memory);
    await this.#abandonTimeline(memory.identity, memory.archive);
    this.#keepProgress(memory, begunAnew(memory.archive));
  }

  /** The whole log is there: it is read back for its hash, and as it passes by its index and timeline are made. [ARC9] */
  async #composed(memory: RunMemory): Promise<void> {
    const { archive, sha256: hash } = this.#ports;
    const run = memory.identity;
    this.#gathered.forget();
    // Of an attempt that was killed.
    await this.#abandonTimeline(run, memory.archive);
    const timeline = new TimelineWriter(archive, run, partBytesFor(logBytes(memory.segments)), (timelineUploadId) => {
      if (memory.archive.phase === "composing") this.#keepProgress(memory, { ...memory.archive, timelineUploadId });
    });
    const indexer = new LogIndexer(memory.ahead, { sha256: hash, timeline: (bytes) => timeline.add(bytes) });
    const sha256 = await archive.hashLog(run, (bytes) => indexer.add(bytes));
    const index = await indexer.finish();
    const isWhole = memory.segments.every(({ damage }) => damage === undefined);
    const written = endSha256(this.#ports.log, memory);
    if (isWhole && written !== null && sha256 !== written) {
      await timeline.abort();
      // R2 gives back other bytes than it took, or somebody else put them there. The segments are still right: they are read until it is. [ARC8]
      const count = (wrongOf(memory.archive).wrong?.count ?? 0) + 1;
      this.#ports.report("log_wrong", { workspace_id: memory.identity.workspaceId, sha256, expected: written, count });
      const until = this.#ports.clock.now() + wrongLogPauseMs(count);
      return this.#keepProgress(memory, { phase: "wrong", wrong: { count, until } });
    }
    await timeline.finish();
    // Last: who finds an index finds its timeline.
    await archive.putBeside(run, "index", index);
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
