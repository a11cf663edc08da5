import fc from "fast-check";
import { payloadSchemas } from "../event.ts";
import type { RunEvent } from "../event.ts";

const NAMES = [
  ..."status name code message control_id action by part execution artifacts failure value row_count percent".split(
    " ",
  ),
  ..."duration_ms severity started_at output_paths labels stream level source_file bytes".split(" "),
];
const VALUES: unknown[] = [
  ..."succeeded failed cancelled cancel archive stdout error warning __proto__".split(" "),
  1e308,
  Infinity,
  -1,
  3,
  {},
];

/** Events whose types are known and whose payloads are anything, often with the right names and the wrong values. */
export const anyEvent: fc.Arbitrary<Omit<RunEvent, "sequence">> = fc.record(
  {
    type: fc.constantFrom("my.type", ...Object.keys(payloadSchemas)),
    created_at: fc
      .integer({ min: 0, max: 59 })
      .map((second) => new Date(Date.UTC(2026, 10, 21, 2, 30, second)).toISOString()),
    step: fc.constantFrom("a", "b", "__proto__"),
    payload: fc.dictionary(fc.constantFrom(...NAMES), fc.oneof(fc.jsonValue(), fc.constantFrom(...VALUES))),
  },
  { requiredKeys: ["type", "created_at", "payload"] },
);
