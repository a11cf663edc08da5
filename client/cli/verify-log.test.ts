import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { verifyLog } from "./verify-log.ts";

const line = (sequence: number, message = "x") =>
  JSON.stringify({ sequence, type: "console.line", created_at: "2026-11-21T02:30:00.123Z", payload: { message } });
async function* chunksOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}
const verify = (lines: string[], size = 7, end = "\n") => verifyLog(chunksOf(lines.join("\n") + end, size));
const sha256 = (lines: string[]) =>
  createHash("sha256")
    .update(lines.map((one) => `${one}\n`).join(""))
    .digest("hex");

test("a whole log, however it is read, with or without its last newline", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" }), { minLength: 1 }),
      fc.integer({ min: 1, max: 50 }),
      async (texts, size) => {
        const lines = texts.map((text, index) => line(index + 1, `${text}\u2028`));
        const whole = { complete: true, events: lines.length, sha256: sha256(lines), gaps: [], damaged: [] };
        expect(await verify(lines, size)).toEqual(whole);
        expect(await verify(lines, size, "")).toEqual(whole);
      },
    ),
  );
});

test("what is missing, damaged or there twice is named", async () => {
  expect(await verify([line(1), line(4), line(5)])).toMatchObject({ complete: false, gaps: [{ first: 2, last: 3 }] });
  expect(await verify([line(1), "{", "", line(4)])).toMatchObject({
    complete: false,
    damaged: [{ first: 2, last: 3 }],
  });
  expect(await verify([line(1), line(2), line(2), line(3)])).toMatchObject({
    complete: false,
    damaged: [{ first: 2, last: 2 }],
  });
  expect(await verify([line(2)])).toMatchObject({ complete: false, gaps: [{ first: 1, last: 1 }] });
  expect(await verifyLog(chunksOf("", 1))).toMatchObject({ complete: false, events: 0 });
});
