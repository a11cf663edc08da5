import { describe, expect, test } from "vitest";
import type { Archive, RunAddress, Segment } from "../core/ports.ts";
import { buildManifest } from "../core/run/manifest.ts";

const MIB = 1024 * 1024;
const encoder = new TextEncoder();
const hexOf = async (text: string): Promise<string> => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
const segmentOf = (firstSequence: number, lastSequence: number, lines: string): Segment => ({
  firstSequence,
  lastSequence,
  bytes: encoder.encode(lines).length,
  sha256: null,
});

function joined(found: readonly (Uint8Array | null)[]): Uint8Array {
  const pieces = found.map((piece) => piece ?? new Uint8Array());
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** What every archive does alike. `archive` gives the one to use; each test has a run of its own. */
export function archiveContract(name: string, archive: () => Archive): void {
  const newRun = (): RunAddress => ({ workspaceId: "w", runId: crypto.randomUUID() });

  /** Puts segments of so many bytes and returns them with the whole text. */
  async function putSegments(run: RunAddress, sizes: number[]): Promise<{ segments: Segment[]; text: string }> {
    const segments: Segment[] = [];
    let text = "";
    for (const [at, size] of sizes.entries()) {
      const lines = `${at}é`.padEnd(size - 2, "x") + "\n";
      const segment = segmentOf(at + 1, at + 1, lines);
      await archive().putSegment(run, segment, lines);
      segments.push(segment);
      text += lines;
    }
    return { segments, text };
  }

  /** Its hash, and the text of the pieces it came in. */
  async function readBack(run: RunAddress): Promise<[string, string]> {
    const pieces: Uint8Array[] = [];
    const hash = await archive().hashLog(run, async (bytes) => void pieces.push(bytes.slice()));
    return [hash, new TextDecoder().decode(joined(pieces))];
  }

  describe(`the archive: ${name}`, () => {
    test("[ARC1] [ARC7] a segment is created once: the same bytes again are fine, others are told and stay until they are replaced as they were told", async () => {
      const run = newRun();
      const segment = segmentOf(1, 2, "a\né\n");
      expect(await archive().readSegment(run, segment)).toBeNull();
      const stored = { kind: "stored", sha256: await hexOf("a\né\n") };
      expect(await archive().putSegment(run, segment, "a\né\n")).toEqual(stored);
      expect(await archive().putSegment(run, segment, "a\né\n")).toEqual(stored);
      const occupied = await archive().putSegment(run, segment, "a\nb\n");
      if (occupied.kind !== "occupied") throw new Error("it was overwritten");
      expect(await archive().readSegment(run, segment)).toBe("a\né\n");
      const { etag } = occupied;
      const replaced = { kind: "stored", sha256: await hexOf("a\nb\n") };
      expect(await archive().replaceSegment(run, segment, "a\nb\n", etag)).toEqual(replaced);
      expect(await archive().readSegment(run, segment)).toBe("a\nb\n");
      // It is not what it was any more, nor is what is gone.
      expect(await archive().replaceSegment(run, segment, "a\nc\n", etag)).toEqual({ kind: "changed" });
      await archive().deleteSegments(run, [segment]);
      expect(await archive().replaceSegment(run, segment, "a\nc\n", etag)).toEqual({ kind: "changed" });
      expect(await archive().readSegment(run, segment)).toBeNull();
      expect(await archive().putSegment(run, segment, "a\nb\n")).toEqual(replaced);
    });

    test("[STO2] a small log is its segments end to end, put again as often as one likes, read by bytes", async () => {
      const run = newRun();
      expect(await archive().logBytes(run)).toBeNull();
      expect(await archive().readLog(run, 0, 10)).toBeNull();
      const { segments, text } = await putSegments(run, [10, 2_000, 30]);
      const bytes = joined(await archive().readSegments(run, segments));
      await archive().putLog(run, bytes);
      await archive().putLog(run, bytes);
      expect(await archive().logBytes(run)).toBe(2_040);
      expect(await readBack(run)).toEqual([await hexOf(text), text]);
      expect(await archive().readLog(run, 10, 2_010)).toBe(text.slice(9, 2_008));
      expect(await archive().readManifest(run)).toBeNull();
      const manifest = await buildManifest(
        {
          ...run,
          runId: "01931b9e-0000-7000-8000-000000000001",
          status: "failed",
          events: 3,
          ahead: [],
          sha256: await hexOf(text),
        },
        segments.map((segment) => ({ ...segment, sha256: "00".repeat(32) })),
        {},
        async (bytes) => bytes.slice(-32),
      );
      await archive().putManifest(run, JSON.stringify(manifest));
      await archive().putManifest(run, JSON.stringify(manifest));
      expect(await archive().readManifest(run)).toEqual(manifest);
      await archive().deleteLog(run);
      await archive().deleteLog(run);
      expect(await archive().logBytes(run)).toBeNull();
    });

    test("[ARC2] a large log goes up in equal parts, the last shorter; a part may come twice; the upload is gone when it is complete", async () => {
      const run = newRun();
      const { segments, text } = await putSegments(run, [3 * MIB, 3 * MIB, 3 * MIB, 2 * MIB]);
      const partBytes = 5 * MIB;
      const file = "log";
      const uploadId = await archive().startUpload(run, file);
      const parts: { partNumber: number; etag: string }[] = [];
      const bytes = joined(await archive().readSegments(run, segments));
      for (const partNumber of [1, 2, 3]) {
        const piece = bytes.subarray((partNumber - 1) * partBytes, partNumber * partBytes);
        await archive().uploadPart(run, { file, uploadId, partNumber }, piece);
        const part = await archive().uploadPart(run, { file, uploadId, partNumber }, piece);
        if (part.kind === "gone") throw new Error("the upload is gone");
        parts.push({ partNumber, etag: part.etag });
      }
      expect(await archive().logBytes(run)).toBeNull();
      expect(await archive().completeUpload(run, { file, uploadId, parts })).toEqual({ kind: "completed" });
      expect(await archive().logBytes(run)).toBe(11 * MIB);
      expect(await readBack(run)).toEqual([await hexOf(text), text]);
      expect(await archive().completeUpload(run, { file, uploadId, parts })).toEqual({ kind: "gone" });
      expect(await archive().uploadPart(run, { file, uploadId, partNumber: 1 }, bytes.subarray(0, partBytes))).toEqual({
        kind: "gone",
      });
    });

    test("[ARC2] segments are deleted as often as one likes; a log is not made of segments that are not there", async () => {
      const run = newRun();
      const { segments } = await putSegments(run, [10, 10]);
      await archive().deleteSegments(run, segments);
      await archive().deleteSegments(run, segments);
      await archive().deleteSegments(run, []);
      for (const segment of segments) expect(await archive().readSegment(run, segment)).toBeNull();
      expect(await archive().readSegments(run, segments)).toEqual([null, null]);
      expect(await archive().logBytes(run)).toBeNull();
    });
  });
}
