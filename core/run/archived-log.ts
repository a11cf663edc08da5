import type { TerminalStatus } from "../../protocol/event.ts";
import type { Manifest } from "../../protocol/proof/manifest.ts";
import type { Archive, LogWindow, Segment } from "../ports.ts";
import { LogMissing } from "../reading/read-log.ts";
import type { LogSource, StoredLog } from "./log-source.ts";

/** A run that its object holds no more, as the manifest tells it. Every watcher that stays with it brings it along. */
export type ArchivedRun = {
  runId: string;
  workspaceId: string;
  status: TerminalStatus;
  lastSequence: number;
  sha256: string | null;
};

/** The log of a run whose object is empty, for the watchers that stay with it: read from the archive, and nothing is written. [ARC6] */
export class ArchivedLog {
  readonly #archive: Archive;
  readonly #source: LogSource;
  #stored: Promise<StoredLog> | null = null;

  constructor(archive: Archive, source: LogSource) {
    this.#archive = archive;
    this.#source = source;
  }

  /** Whole lines that hold `sequence + 1`. Throws `LogMissing` when they are nowhere any more. */
  async windowAfter(run: ArchivedRun, sequence: number): Promise<LogWindow> {
    this.#stored ??= this.#read(run);
    try {
      const window = await this.#source.storedAfter(await this.#stored, sequence);
      if (window !== null) return window;
    } catch (error) {
      this.#stored = null;
      throw error;
    }
    throw new LogMissing(`no lines after ${sequence}`);
  }

  async #read(run: ArchivedRun): Promise<StoredLog> {
    const manifest = await this.#archive.readManifest(run);
    if (manifest === null) throw new LogMissing("no manifest");
    return { identity: run, segments: segmentsOf(manifest), archive: { phase: "cleared" } };
  }
}

/** What the whole log was put together of, in order. */
export const segmentsOf = (manifest: Manifest): Segment[] =>
  manifest.segments.map((segment) => ({
    firstSequence: segment.first_sequence,
    lastSequence: segment.last_sequence,
    bytes: segment.bytes,
    sha256: segment.sha256,
    ...(segment.stored_bytes === undefined ? {} : { damage: { bytes: segment.stored_bytes, sha256: "" } }),
  }));
