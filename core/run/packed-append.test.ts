import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { AppendRequest } from "./commands.ts";
import { draftEvent } from "../../protocol/ndjson.ts";
import { packAppend, unpackAppend } from "./packed-append.ts";

const drafts = fc.array(
  fc
    .record({
      type: fc.constantFrom("a.b", "console.line"),
      at: fc.option(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 })),
      message: fc.string({ unit: "binary" }),
      source: fc.option(fc.string()),
    })
    .map(({ type, at, message, source }) => draftEvent(type, at, { message: `${message}\t\n\ud83d` }, { source })),
);

test("a batch arrives as it was sent, whatever is in it", () => {
  fc.assert(
    fc.property(drafts, (events) => {
      const request: AppendRequest = {
        producer: { id: "p", epoch: 0, sequence: 1 },
        content: { kind: "events", drafts: events, completion: null },
      };
      expect(unpackAppend(structuredClone(packAppend(request)))).toEqual(request);
    }),
  );
});

test("so does what was refused of one", () => {
  const refusal = { code: "INVALID_JSON", detail: "x" } as const;
  const request: AppendRequest = { producer: null, content: { kind: "refused", stage: "content", refusal } };
  expect(unpackAppend(packAppend(request))).toEqual(request);
});
