import fc from "fast-check";
import { expect, test } from "vitest";
import { runEventSchema } from "./event.ts";
import {
  assembleLine,
  cutText,
  draftEvent,
  encodePayload,
  headBytes,
  mayLoseDigits,
  parseLine,
  parseLossless,
  splitLines,
  utf8Length,
} from "./ndjson.ts";
import { matchesTypes, parseTypes } from "./type-filter.ts";

const AT = "2026-11-21T02:30:00.123Z";
const encoder = new TextEncoder();
const anyText = fc.string({ unit: "binary" });
const brokenText = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));

test("[EVT1] a line has its keys in the documented order", () => {
  const draft = draftEvent("console.line", null, { stream: "stdout", message: "ok" }, { source: "cli", step: "build" });
  expect(assembleLine(draft, 7, AT)).toBe(
    '{"sequence":7,"type":"console.line","created_at":"2026-11-21T02:30:00.123Z","source":"cli","step":"build","payload":{"stream":"stdout","message":"ok"}}',
  );
});

test("[EVT1] source and step are left out when absent", () => {
  expect(assembleLine(draftEvent("run.started", null, {}, { source: null }), 2, AT)).toBe(
    `{"sequence":2,"type":"run.started","created_at":"${AT}","payload":{}}`,
  );
});

test("[EVT1] [EVT4] whatever text is in it, a line is one line, valid, and reads back value for value", () => {
  fc.assert(
    fc.property(
      brokenText,
      brokenText,
      fc.dictionary(anyText, fc.jsonValue()),
      fc.nat(),
      (source, step, payload, n) => {
        const line = assembleLine(draftEvent("a.b", null, payload, { source, step }), n + 1, AT);
        expect(line).not.toContain("\n");
        const event = parseLine(new TextDecoder().decode(encoder.encode(line)));
        expect(runEventSchema.safeParse(event).success).toBe(true);
        // Through JSON on the other side too: -0 may come back as 0.
        expect(event).toEqual(
          JSON.parse(JSON.stringify({ sequence: n + 1, type: "a.b", created_at: AT, source, step, payload })),
        );
      },
    ),
  );
});

test("[EVT7] the head of a line is never longer than it was counted", () => {
  const draft = draftEvent("metric.recorded", null, {});
  const line = assembleLine(draft, Number.MAX_SAFE_INTEGER, AT);
  expect(utf8Length(line)).toBe(headBytes(draft.type) + utf8Length(draft.rest));
});

/** Sign, significant digits without zeros at the ends, power of ten: equal exactly when the decimal values are. */
function decimalValue(number: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  if (digits === "") return "0";
  const significant = digits.replace(/0+$/, "");
  return `${sign}${significant}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)}`;
}

const digits = (min: number, max: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map((list) => list.join(""));
const jsonNumber = fc
  .tuple(
    fc.constantFrom("", "-"),
    digits(1, 25).map((text) => text.replace(/^0+(?=\d)/, "")),
    fc.oneof(
      fc.constant(""),
      digits(1, 25).map((text) => `.${text}`),
    ),
    fc.oneof(
      fc.constant(""),
      fc.tuple(fc.constantFrom("e", "E", "e+", "e-"), digits(1, 3)).map((parts) => parts.join("")),
    ),
  )
  .map((parts) => parts.join(""));

test("[EVT3] every number keeps its decimal value, on the fast path and on the slow one", () => {
  fc.assert(
    fc.property(jsonNumber, (number) => {
      const json = `{"n":[${number}]}`;
      const value = mayLoseDigits(json) ? parseLossless(json) : JSON.parse(json);
      const written = /\[(.*)\]/.exec(encodePayload(value))?.[1] ?? "";
      expect(decimalValue(written)).toBe(decimalValue(number));
    }),
    { numRuns: 3000 },
  );
});

test.each(["1e400", "-1e-400", "12345678901234567890", "0.1000000000000000055", "123456789.0123456789"])(
  "[EVT3] %s is written with its digits",
  (number) => {
    expect(mayLoseDigits(number)).toBe(true);
    expect(encodePayload({ n: parseLossless(number) })).toBe(`{"n":${number}}`);
  },
);

test("[EVT3] a lossless parse differs from a plain one in numbers alone", () => {
  const json = '{"__proto__":{"a":1},"rawJSON":"1","s":"1e400","l":[1,"\\ud800",null,true,{"n":1e400}],"l":[2]}';
  expect(encodePayload(parseLossless(json) as Record<string, unknown>)).toBe(JSON.stringify(JSON.parse(json)));
});

test.each([
  ["not JSON", "{"],
  ["no object", "[1]"],
  ["null", "null"],
  ["no sequence", `{"type":"a.b","created_at":"${AT}","payload":{}}`],
  ["sequence 0", `{"sequence":0,"type":"a.b","created_at":"${AT}","payload":{}}`],
  ["a sequence beyond 2^53", `{"sequence":9007199254740993,"type":"a.b","created_at":"${AT}","payload":{}}`],
  ["a payload that is a list", `{"sequence":1,"type":"a.b","created_at":"${AT}","payload":[]}`],
  ["a step that is a number", `{"sequence":1,"type":"a.b","created_at":"${AT}","step":1,"payload":{}}`],
  ["half a line", `{"sequence":1,"type":"a.b","created_at":"${AT}","payl`],
])("[EVT9] %s is damage, not an event", (_what, line) => {
  expect(parseLine(line)).toBeNull();
});

test("[EVT9] a reader takes lines with more fields than it knows", () => {
  expect(parseLine(`{"sequence":1,"type":"a.b","created_at":"${AT}","payload":{},"run_id":"x"}`)).toMatchObject({
    run_id: "x",
  });
});

test("[EVT9] no text makes the reader throw", () => {
  fc.assert(fc.property(fc.oneof(anyText, fc.json()), (text) => void parseLine(text)));
  expect(parseLine("[".repeat(1_000_000))).toBeNull();
});

test.each([
  ["", []],
  ["a", ["a"]],
  ["a\n", ["a"]],
  ["\n", [""]],
  ["a\n\nb", ["a", "", "b"]],
])("[APP7] the lines of %j", (text, lines) => {
  expect(splitLines(text)).toEqual(lines);
});

test("bytes are counted as the encoder makes them", () => {
  fc.assert(
    fc.property(fc.oneof(brokenText, anyText), fc.constantFrom(1, 1_000), (piece, times) => {
      const text = piece.repeat(times);
      expect(utf8Length(text)).toBe(encoder.encode(text).length);
    }),
  );
});

test("[SUM3] a cut text never ends in half a character", () => {
  fc.assert(
    fc.property(anyText, fc.nat(20), (text, chars) => {
      const cut = cutText(text, chars);
      expect(text.startsWith(cut)).toBe(true);
      expect(cut.length <= chars && cut.isWellFormed()).toBe(true);
      expect(cut.length).toBeGreaterThanOrEqual(Math.min(text.length, chars - 1));
    }),
  );
});

test("a filter of types knows whole types and prefixes of whole words", () => {
  const patterns = parseTypes("step.*, run.completed") ?? [];
  const types = ["step.started", "run.completed", "run.error", "steps.x", "stepx", "run.completed.late"];
  expect(types.filter((type) => matchesTypes(patterns, type))).toEqual(["step.started", "run.completed"]);
  expect(["", "*", "Step.*", "a..b", "step.*x"].map(parseTypes)).toEqual([null, null, null, null, null]);
});
