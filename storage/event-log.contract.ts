import { describe, expect, test } from "vitest";
import type { EventLog, HotBatch } from "../core/ports.ts";
import { checkpointOf, newMemory, type RunIdentity } from "../core/run/run-memory.ts";

const identity: RunIdentity = {
  runId: "r",
  workspaceId: "w",
  createdAt: 5,
  parameters: "{}",
  leaseMs: 60_000,
  endAfterMs: 0,
};
const mark = (sequence: number, id = "p") => ({
  id,
  epoch: 0,
  sequence,
  firstSequence: null,
  lastSequence: null,
  accepted: 0,
});
const batch = (firstSequence: number, lastSequence: number, more: Partial<HotBatch> = {}): HotBatch => {
  const lines = Array.from(
    { length: lastSequence - firstSequence + 1 },
    (_, at) => `line ${firstSequence + at} é🎉\n`,
  ).join("");
  return {
    firstSequence,
    lastSequence,
    bytes: new TextEncoder().encode(lines).length,
    lines,
    receivedAt: 7,
    fromProducer: true,
    mark: null,
    ...more,
  };
};

/** What every event log does alike. `withLog` gives an empty one. */
export function eventLogContract(
  name: string,
  withLog: (use: (log: EventLog) => Promise<void> | void) => Promise<void>,
): void {
  const begun = (use: (log: EventLog) => Promise<void> | void) => () =>
    withLog((log) => {
      log.putIdentity(identity);
      return use(log);
    });

  describe(`the event log: ${name}`, () => {
    test("[LOG1] what is only asked about leaves nothing behind", () =>
      withLog((log) => {
        expect(log.load()).toBeNull();
        expect(log.load()).toBeNull();
      }));

    test(
      "[LOG1] what was put comes back value for value",
      begun((log) => {
        const memory = newMemory(identity);
        // Long, with pairs everywhere: a store that cuts it must not cut a character.
        memory.state.labels = { text: "🎉é\u0000\ud83d".repeat(400_000), "": "" };
        log.putCheckpoint(checkpointOf(memory));
        expect(log.load()).toEqual({
          identity,
          checkpoint: checkpointOf(memory),
          segments: [],
          archive: { phase: "open" },
        });
        const short = newMemory(identity);
        log.putCheckpoint(checkpointOf(short));
        expect(log.load()?.checkpoint).toEqual(checkpointOf(short));
        const parts = Array.from({ length: 9_000 }, (_, at) => ({ partNumber: at + 1, etag: "e".repeat(60) }));
        log.putArchive({ phase: "composing", uploadId: "u", partBytes: 8, parts });
        expect(log.load()?.archive).toEqual({ phase: "composing", uploadId: "u", partBytes: 8, parts });
        log.putArchive({ phase: "composed", sha256: "x" });
        expect(log.load()?.archive).toEqual({ phase: "composed", sha256: "x" });
        expect([log.outbox(), log.heardAt(), log.graceUntil()]).toEqual([{ revision: 0, pending: false }, null, null]);
        log.putOutbox({ revision: 3, pending: true });
        log.putHeardAt(12);
        log.putGraceUntil(13);
        expect([log.outbox(), log.heardAt(), log.graceUntil()]).toEqual([{ revision: 3, pending: true }, 12, 13]);
        expect(log.details()).toBeNull();
        const details = { name: "é", labels: { team: "data" }, pinned: true };
        log.putDetails(details);
        expect(log.details()).toEqual(details);
        expect(log.lateArtifacts()).toEqual([]);
        log.putLateArtifacts(["é", "b"]);
        expect(log.lateArtifacts()).toEqual(["é", "b"]);
      }),
    );

    test(
      "[LOG2] rows come back in order, from any sequence, and a window is whole rows until it is full",
      begun((log) => {
        const rows = [
          batch(1, 1, { fromProducer: false }),
          batch(2, 4, { mark: mark(1) }),
          batch(5, 5),
          batch(6, 9, { receivedAt: 8 }),
        ];
        for (const row of rows) log.append(row);
        expect([...log.batchesAfter(0)]).toEqual(rows);
        for (const [after, from] of [
          [1, 1],
          [2, 1],
          [3, 1],
          [4, 2],
          [8, 3],
          [9, 4],
          [50, 4],
        ] as const) {
          expect([...log.batchesAfter(after)], `after ${after}`).toEqual(rows.slice(from));
        }
        expect(log.windowAfter(9, 1_000)).toBeNull();
        expect(log.windowAfter(2, 1)).toEqual({ firstSequence: 2, lastSequence: 4, lines: rows[1]?.lines });
        expect(log.windowAfter(2, 1_000)).toEqual({
          firstSequence: 2,
          lastSequence: 9,
          lines: rows
            .slice(1)
            .map(({ lines }) => lines)
            .join(""),
        });
        expect([...log.rowsAfter(4)]).toEqual(
          rows.slice(2).map(({ firstSequence, lastSequence, bytes, receivedAt, fromProducer }) => ({
            firstSequence,
            lastSequence,
            bytes,
            receivedAt,
            fromProducer,
          })),
        );
      }),
    );

    test(
      "[LOG3] a transaction that throws stores nothing; what it threw comes out",
      begun((log) => {
        log.append(batch(1, 1));
        expect(() =>
          log.transaction(() => {
            log.append(batch(2, 2));
            log.putOutbox({ revision: 9, pending: true });
            log.appendEmpty(mark(1));
            throw new Error("no");
          }),
        ).toThrow("no");
        expect([...log.batchesAfter(0)]).toEqual([batch(1, 1)]);
        expect(log.outbox().revision).toBe(0);
        expect([...log.emptyBatches()]).toEqual([]);
        // A sequence is taken once.
        expect(() => log.append(batch(1, 1))).toThrow();
        log.transaction(() => log.append(batch(2, 2)));
        expect([...log.batchesAfter(1)]).toEqual([batch(2, 2)]);
      }),
    );

    test(
      "[LOG4] a segment is decided once and marked as stored; what it holds is dropped with the empty batches",
      begun((log) => {
        for (const row of [batch(1, 2), batch(3, 3), batch(4, 4)]) log.append(row);
        log.appendEmpty(mark(1, "__proto__"));
        expect([...log.emptyBatches()]).toEqual([mark(1, "__proto__")]);
        log.putSegment({ firstSequence: 1, lastSequence: 3, bytes: 30, sha256: null });
        expect(log.load()?.segments).toEqual([{ firstSequence: 1, lastSequence: 3, bytes: 30, sha256: null }]);
        log.putSegment({ firstSequence: 1, lastSequence: 3, bytes: 30, sha256: "abc" });
        log.dropThrough(3);
        expect(log.load()?.segments).toEqual([{ firstSequence: 1, lastSequence: 3, bytes: 30, sha256: "abc" }]);
        const latestAt = "2026-11-21T02:30:00.123Z";
        log.putSegment({ firstSequence: 1, lastSequence: 3, bytes: 30, sha256: "abc", latestAt });
        expect(log.load()?.segments).toMatchObject([{ sha256: "abc", latestAt }]);
        expect([...log.batchesAfter(0)]).toEqual([batch(4, 4)]);
        expect([...log.emptyBatches()]).toEqual([]);
      }),
    );

    test(
      "[LOG5] an erased log holds nothing, and another run can begin in it",
      begun(async (log) => {
        log.append(batch(1, 1));
        await log.erase();
        expect(log.load()).toBeNull();
        log.putIdentity({ ...identity, runId: "other" });
        expect([...log.batchesAfter(0)]).toEqual([]);
        expect(log.load()).toMatchObject({ identity: { runId: "other" }, segments: [] });
      }),
    );
  });
}
