import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { newHash, RunningHash } from "./running-hash.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("[HASH2] bytes taken in any pieces, put down and taken up again between them, hash as all of them at once", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.integer({ min: 0, max: 3 }).map((more) => new Uint8Array(61 + more).fill(more)),
    fc.uint8Array({ minLength: 1_000, maxLength: 5_000 }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, fc.boolean()), { maxLength: 12 }), (pieces) => {
      let hash = new RunningHash(newHash());
      for (const [bytes, isPutDown] of pieces) {
        hash.update(bytes);
        // Asking says nothing to the hash.
        hash.hex();
        if (isPutDown) hash = new RunningHash(structuredClone(hash.state()));
      }
      expect(hash.hex()).toBe(sha256(Buffer.concat(pieces.map(([bytes]) => bytes))));
    }),
  );
});

test("[HASH2] every length around the edges of a block, and a view into another buffer", () => {
  const around = Buffer.from(Array.from({ length: 300 }, (_, at) => (at * 7) % 251));
  for (let length = 0; length <= 260; length += 1) {
    const hash = new RunningHash(newHash());
    hash.update(around.subarray(17, 17 + length));
    expect(hash.hex()).toBe(sha256(around.subarray(17, 17 + length)));
  }
});
