import { expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import { Masks } from "../masking/masks.ts";
import { readPipedLine } from "./piped-event.ts";

const NOW = Date.parse("2026-11-21T02:30:00Z");
const read = (line: string, secrets: string[] = []) => readPipedLine(line, new Masks(secrets), NOW);

test("an event without a time is stamped, one with a time is left as it is", () => {
  const stamped = '{"created_at":"2026-11-21T02:30:00.000Z","type":"a.b"}';
  expect(read(' {"type":"a.b"}')).toEqual({ kind: "event", line: stamped });
  const timed = '{"type":"a.b","created_at":"2026-01-01T00:00:00Z"}';
  expect(read(timed)).toEqual({ kind: "event", line: timed });
});

test("what is no JSON object with a type is output; what has one and breaks a rule is told", () => {
  for (const output of ["", "{", '{"type":1}', "[]", "{}"]) expect(read(output)).toEqual({ kind: "output" });
  for (const [bad, code] of [
    ['{"type":"x"}', "INVALID_EVENT"],
    ['{"type":"a.b","created_at":"soon"}', "INVALID_EVENT"],
    ['{"type":"run.queued"}', "RESERVED_TYPE"],
    [`{"type":"a.b",${" ".repeat(LIMITS.eventLineBytes)}"payload":{}}`, "EVENT_TOO_LARGE"],
  ] as const) {
    expect(read(bad)).toMatchObject({ kind: "bad", code });
  }
});

test("its secrets are masked, however they are written; what the mask breaks is no event", () => {
  const timed = '"created_at":"2026-01-01T00:00:00Z"';
  expect(read(`{"type":"a.b",${timed},"payload":{"x":"a s3cr\\u0033t","n":1.50}}`, ["s3cr3t"])).toEqual({
    kind: "event",
    line: `{"type":"a.b",${timed},"payload":{"x":"a ***","n":1.50}}`,
  });
  expect(read('{"type":"metric.recorded","payload":{"name":"m","value":123456}}', ["123456"])).toMatchObject({
    kind: "bad",
  });
});
