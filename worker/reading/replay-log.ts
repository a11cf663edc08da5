import type { Archive, LogWindow, StoredRun } from "../../core/ports.ts";
import { hasDamage } from "../../core/reading/damage.ts";
import { SkippedLines, type Skipped } from "../../core/reading/skipped-lines.ts";
import { segmentsOf } from "../../core/run/archived-log.ts";
import { segmentOfWholeLog } from "../../core/run/log-source.ts";
import type { Manifest } from "../../protocol/proof/manifest.ts";
import type { LiveQuery } from "../../protocol/read-query.ts";
import type { ReplayShare } from "./replay-share.ts";
import { vouchedSha256, type RunLog } from "./run-log.ts";

/** The log of an ended run for a watcher that reads it at its own pace. */
export type ReplayLog = {
  /** Whole lines that hold `sequence + 1`, perhaps with lines before it; null when there are none. */
  windowAfter(sequence: number): Promise<LogWindow | null>;
  /** The watcher has been told of this window through a sequence. */
  told(window: LogWindow, through: number): void;
  /** Nobody reads on. */
  close(): void;
  sha256(): Promise<string | null>;
};

/** Of an archived run: any place of it by its manifest, in the windows that all its watchers share. [RPL1] */
export function archivedReplay(from: {
  archive: Pick<Archive, "readLog">;
  run: Pick<StoredRun, "run_id" | "workspace_id" | "incomplete">;
  manifest: Manifest;
  afterSequence: number;
  share: ReplayShare;
  damaged: () => Promise<void>;
  skipped: (skipped: Skipped) => void;
}): ReplayLog {
  const { archive, manifest, share } = from;
  const run = { workspaceId: from.run.workspace_id, runId: from.run.run_id };
  const name = `${run.runId} ${manifest.sha256}`;
  const segments = share.segments(name, () => segmentsOf(manifest));
  const skipped = new SkippedLines(from.skipped, from.afterSequence);
  let isTold = false;
  return {
    async windowAfter(sequence) {
      const at = segments.findIndex(({ lastSequence }) => lastSequence > sequence);
      if (at === -1) return null;
      return share.window(`${name} ${at}`, async () => {
        const window = await segmentOfWholeLog(archive, run, segments, at);
        const isDamaged = window !== null && hasDamage(window);
        if (isDamaged && !isTold) {
          isTold = true;
          await from.damaged();
        }
        return { window, isKept: !isDamaged };
      });
    },
    told: (window, through) => skipped.met(window, through),
    close: () => skipped.tell(),
    sha256: async () => (from.run.incomplete ? null : vouchedSha256(manifest)),
  };
}

/** Read on from where it begins: for types that the timeline has, and where no manifest tells what lies where. */
export function streamedReplay(log: RunLog, { afterSequence, types }: LiveQuery): ReplayLog {
  const windows = log.windows(afterSequence, { types });
  let current: LogWindow | null = null;
  return {
    async windowAfter(sequence) {
      while (current === null || current.lastSequence <= sequence) {
        const next = await windows.next();
        if (next.done === true) return null;
        current = next.value;
      }
      return current;
    },
    told: (_window, through) => log.endAt(through),
    close: () => void windows.return(),
    sha256: () => log.sha256(),
  };
}
