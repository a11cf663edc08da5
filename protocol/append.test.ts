import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAppend, type AppendFormat, type EventDraft } from "./append.ts";
import { ERROR_CODES } from "./error-code.ts";
import { payloadSchemas, RESERVED_TYPES, runEventSchema } from "./event.ts";
import { LIMITS } from "./limits.ts";
import { assembleLine, parseLine, utf8Length } from "./ndjson.ts";

const AT = "2026-11-21T02:30:00.123Z";
const bytesOf = (body: string | Uint8Array): Uint8Array =>
  typeof body === "string" ? new TextEncoder().encode(body) : body;
const parse = (body: string | Uint8Array, format: AppendFormat = "ndjson", raw = false) =>
  parseAppend(bytesOf(body), format, { raw });

function draftsOf(...args: Parameters<typeof parse>): EventDraft[] {
  const parsed = parse(...args);
  if (parsed.kind === "refused") throw new Error(JSON.stringify(parsed.refusal));
  return parsed.drafts;
}

/** The lines a body becomes, numbered from 1, as a reader gets them. */
function linesOf(body: string | Uint8Array, format: AppendFormat = "ndjson", raw = false): string[] {
  return draftsOf(body, format, raw).map((draft, index) => {
    const createdAt = draft.createdAtMs === null ? AT : new Date(draft.createdAtMs).toISOString();
    return assembleLine(draft, index + 1, createdAt);
  });
}
const eventsOf = (...args: Parameters<typeof linesOf>) => linesOf(...args).map((line) => parseLine(line)!);
const messagesOf = (...args: Parameters<typeof linesOf>) => eventsOf(...args).map((event) => event.payload["message"]);
function refusalOf(body: string | Uint8Array, format: AppendFormat = "ndjson") {
  const parsed = parse(body, format);
  return parsed.kind === "refused" ? parsed.refusal : parsed;
}
const refused = (code: string, line: unknown) => ({
  code,
  detail: expect.any(String),
  ...(line === undefined ? {} : { line }),
});
const nested = (levels: number): string =>
  `{"type":"a.b","payload":${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}}`;

describe("events", () => {
  test("[APP3] an event is kept as it is, under its own time, source and step", () => {
    const sent = `{"payload":{"stream":"stderr","message":"é\\u0000","extra":[1]},"step":"build","source":"cli","created_at":"2026-11-21T03:30:00.1239+01:00","type":"console.line"}`;
    expect(linesOf(sent)).toEqual([
      `{"sequence":1,"type":"console.line","created_at":"${AT}","source":"cli","step":"build","payload":{"stream":"stderr","message":"é\\u0000","extra":[1]}}`,
    ]);
  });

  test("[APP10] what only the server gives, and what nobody knows, is dropped", () => {
    const sent = '{"type":"a.b","sequence":99,"event_id":"x","run_id":"y","junk":1,"payload":{"sequence":5}}';
    expect(linesOf(sent)).toEqual([`{"sequence":1,"type":"a.b","created_at":"${AT}","payload":{"sequence":5}}`]);
  });

  test("[APP10] of a key given twice the last counts", () => {
    expect(linesOf('{"type":"a.b","type":"c.d","payload":{"a":1},"payload":{"b":1,"b":2}}')).toEqual([
      `{"sequence":1,"type":"c.d","created_at":"${AT}","payload":{"b":2}}`,
    ]);
  });

  test("[APP11] source and step null, and no payload, mean absent", () => {
    expect(linesOf('{"type":"a.b","source":null,"step":null}')).toEqual([
      `{"sequence":1,"type":"a.b","created_at":"${AT}","payload":{}}`,
    ]);
  });

  test.each([
    ["payload", '{"type":"a.b","payload":null}'],
    ["payload", '{"type":"a.b","payload":[]}'],
    ["payload", '{"type":"a.b","payload":"x"}'],
    ["source", '{"type":"a.b","source":1}'],
    ["step", '{"type":"a.b","step":{}}'],
    ["created_at", '{"type":"a.b","created_at":"yesterday"}'],
    ["created_at", '{"type":"a.b","created_at":1795221000123}'],
    ["created_at", '{"type":"a.b","created_at":null}'],
    ["type", '{"type":"note"}'],
    ["type", '{"type":"Run.started"}'],
    ["type", '{"type":"a..b"}'],
    ["type", '{"type":""}'],
    ["type", `{"type":"a.${"b".repeat(79)}"}`],
    ["payload.message", '{"type":"console.line","payload":{"stream":"stdout"}}'],
    ["payload.stream", '{"type":"console.line","payload":{"stream":"out","message":""}}'],
    ["payload.level", '{"type":"console.line","payload":{"stream":"stdout","message":"","level":null}}'],
    ["payload.percent", '{"type":"run.progress","payload":{"percent":101}}'],
    ["payload.items_processed", '{"type":"run.progress","payload":{"items_processed":2,"items_total":1}}'],
    ["payload.value", '{"type":"metric.recorded","payload":{"name":"a","value":1e400}}'],
    ["payload.status", '{"type":"step.completed","step":"a","payload":{"status":"done"}}'],
    ["payload.status", '{"type":"run.completed","payload":{"status":"completed"}}'],
    ["payload.failure.message", '{"type":"run.completed","payload":{"status":"failed","failure":{"code":"X"}}}'],
  ])("[APP2] [APP4] [APP11] [TYP2] a bad %s refuses the batch and names its line: %s", (field, sent) => {
    const refusal = refusalOf(`fine\n\n${sent}\nfine`);
    expect(refusal).toEqual({
      ...refused("INVALID_EVENT", 3),
      detail: expect.stringMatching(new RegExp(`^${field}: .`)),
    });
  });

  test("[EVT6] [TYP2] an unknown type may hold anything, up to 80 characters of type", () => {
    const type = `a.${"b".repeat(78)}`;
    expect(eventsOf(`{"type":"${type}","payload":{"stream":5}}`)).toMatchObject([{ type, payload: { stream: 5 } }]);
  });

  test("[TYP1] every type that only the server writes is refused, whatever it holds", () => {
    expect(RESERVED_TYPES.size).toBe(7);
    for (const type of RESERVED_TYPES) expect(refusalOf(`x\n{"type":"${type}"}`)).toEqual(refused("RESERVED_TYPE", 2));
  });

  test("[EVT3] numbers keep their digits, in lines and in a body of JSON", () => {
    const payload = '{"a":12345678901234567890,"b":[1e400,0.1000000000000000055],"c":"1e400","__proto__":{"d":1.50e1}}';
    const written = `{"sequence":1,"type":"a.b","created_at":"${AT}","payload":${payload}}`;
    expect(linesOf(`{"type":"a.b","payload":${payload}}`)).toEqual([written]);
    expect(linesOf(`{"type":"a.b","payload":${payload}}`, "json")).toEqual([written]);
    expect(linesOf(`[{"type":"a.b","payload":${payload}},{"type":"c.d"}]`, "json")[0]).toBe(written);
  });

  test("[EVT4] a lone surrogate stays an escape", () => {
    expect(linesOf('{"type":"a.b","payload":{"a":"\\ud83d","b":"\\ud83d\\ude00"}}')[0]).toContain(
      '{"a":"\\ud83d","b":"😀"}',
    );
  });

  test("[EVT8] 128 levels of payload are stored, 129 are not", () => {
    expect(linesOf(nested(128))).toHaveLength(1);
    expect(refusalOf(nested(129))).toEqual(refused("INVALID_EVENT", 1));
    expect(refusalOf(`[${nested(2)},${nested(129).replace("{}", "[1e400]")}]`, "json")).toEqual(
      refused("INVALID_EVENT", 2),
    );
  });

  test("[EVT7] [APP8] an event of exactly 256 KiB is stored, one byte more is 413", () => {
    const event = (length: number): string =>
      JSON.stringify({ type: "a.b", source: "é", payload: { text: "é".repeat(10) + "x".repeat(length) } });
    const room = LIMITS.eventLineBytes - 15 - utf8Length(linesOf(event(0))[0]!);
    expect(utf8Length(linesOf(event(room))[0]!)).toBe(LIMITS.eventLineBytes - 15);
    expect(refusalOf(`x\n${event(room + 1)}`)).toEqual(refused("EVENT_TOO_LARGE", 2));
    expect(ERROR_CODES.EVENT_TOO_LARGE.status).toBe(413);
  });
});

describe("the end of a run", () => {
  const end =
    '{"type":"run.completed","created_at":"2026-11-21T02:30:00.123Z","source":"cli","payload":{"status":"failed","exit_code":2,"failure":{"code":"X","message":"m","more":1},"execution":{},"summary":{"big":1}}}';

  test("[TYP4] is apart from the drafts, with what a producer may say about it", () => {
    expect(parse(`last words\n${end}\n\n`)).toEqual({
      kind: "drafts",
      drafts: [expect.objectContaining({ type: "console.line" })],
      completes: {
        status: "failed",
        exit_code: 2,
        failure: { code: "X", message: "m" },
        createdAtMs: Date.parse(AT),
        source: "cli",
        step: null,
      },
    });
    expect(parse('{"type":"run.completed","payload":{"status":"cancelled","failure":null}}')).toMatchObject({
      completes: { status: "cancelled", exit_code: null, failure: null, createdAtMs: null },
    });
  });

  test.each([
    ["output", "late"],
    ["an event", '{"type":"a.b"}'],
    ["another end", end],
  ])("[TYP3] [TYP4] may not have %s after it", (_what, after) => {
    expect(refusalOf(`a\n${end}\n${after}`)).toEqual(refused("INVALID_EVENT", 2));
  });

  test("[TYP5] leaves room for the summary in its line", () => {
    const big = (chars: number): string =>
      JSON.stringify({
        type: "run.completed",
        payload: { status: "failed", failure: { code: "X", message: "m".repeat(chars) } },
      });
    expect(parse(big(LIMITS.completionBytes - 100)).kind).toBe("drafts");
    expect(refusalOf(big(LIMITS.completionBytes))).toEqual(refused("EVENT_TOO_LARGE", 1));
  });
});

describe("raw output", () => {
  test.each([
    ["text", "plain"],
    ["JSON without a type", '{"level":30,"msg":"x"}'],
    ["JSON with a type that is no string", '{"type":5}'],
    ["JSON whose last type is no string", '{"type":"a.b","type":null}'],
    ["a list", '[{"type":"a.b"}]'],
    ["half an event", '{"type":"a.b"'],
    ["an event and more", '{"type":"a.b"} {}'],
    ["an event behind a byte-order mark", '\uFEFF{"type":"a.b"}'],
    ["blanks", "  \t "],
    ["a return in the middle", "10%\r20%"],
    ["a NUL", "a\u0000b"],
  ])("[APP3] [APP6] %s is a line of output, as it stands", (_what, line) => {
    expect(eventsOf(line)).toMatchObject([{ type: "console.line", payload: { stream: "stdout", message: line } }]);
  });

  test("[APP3] an event may have blanks around it", () => {
    expect(eventsOf(' \t{"type":"a.b"} \r\n')).toMatchObject([{ type: "a.b" }]);
  });

  test("[APP6] one trailing return goes first, then emptiness is judged", () => {
    expect(messagesOf("a\r\n\r\n\r\r\n\nb\r")).toEqual(["a", "\r", "b"]);
  });

  test("[APP5] raw lines are output even when they look like events, and empty ones stay", () => {
    const body = 'a\n\n{"type":"run.completed"}\r\n\r\nb\n';
    const messages = ["a", "", '{"type":"run.completed"}', "", "b"];
    expect(messagesOf(body, "ndjson", true)).toEqual(messages);
    expect(messagesOf(body, "text")).toEqual(messages);
    expect(messagesOf(body, "json", true)).toEqual(messages);
  });

  test("[APP6] invalid UTF-8 is replaced, within its own line", () => {
    const body = new Uint8Array([0xe2, 0x82, 0x0a, 0x61, 0xff, 0x0a, 0xef, 0xbb, 0xbf, 0x62, 0x0a, 0xf0, 0x9f]);
    expect(messagesOf(body)).toEqual(["\uFFFD", "a\uFFFD", "\uFEFFb", "\uFFFD"]);
  });

  test("[APP6] an event with invalid UTF-8 in a string is an event", () => {
    const body = bytesOf('{"type":"a.b","payload":{"a":"?"}}').map((byte) => (byte === 0x3f ? 0xff : byte));
    expect(eventsOf(body)).toMatchObject([{ type: "a.b", payload: { a: "\uFFFD" } }]);
  });

  test("[APP7] no bytes are no lines, and a final newline adds none", () => {
    expect([linesOf("", "text"), messagesOf("\n", "text"), messagesOf("a\n", "text")]).toEqual([[], [""], ["a"]]);
  });

  test("[APP13] a body that would grow beyond the limit of a batch is refused", () => {
    expect(refusalOf("\n".repeat(LIMITS.appendBodyBytes), "text")).toEqual(
      refused("PAYLOAD_TOO_LARGE", expect.any(Number)),
    );
    expect(linesOf("x".repeat(LIMITS.appendBodyBytes), "text")).toHaveLength(17);
  });

  test("[APP13] the refusal names the first line too many: those before it are a batch", () => {
    const line = `${"é\u0001".repeat(5)}\n`;
    const body = line.repeat(Math.floor(LIMITS.appendBodyBytes / utf8Length(line)));
    const parsed = parse(body, "text");
    if (parsed.kind !== "refused") throw new Error("taken");
    expect(parsed.refusal).toEqual(refused("PAYLOAD_TOO_LARGE", expect.any(Number)));
    const before = (parsed.refusal.line ?? 0) - 1;
    expect(parse(line.repeat(before), "text").kind).toBe("drafts");
    // As a line is counted: with a sequence of 16 digits, and its newline.
    const [draft] = draftsOf(line, "text");
    const bytes = utf8Length(assembleLine(draft!, Number.MAX_SAFE_INTEGER, AT)) + 1;
    expect(before).toBe(Math.floor(LIMITS.batchLineBytes / bytes));
  });

  test("[APP13] one line alone is never too large, nor are 100,000 lines of 1 MiB", () => {
    const escaped = "\u0001".repeat(LIMITS.appendBodyBytes);
    expect(parse(escaped, "text").kind).toBe("drafts");
    const lines = 100_000;
    expect(parse(escaped.slice(0, 1024 * 1024 - lines) + "\n".repeat(lines), "text").kind).toBe("drafts");
  });
});

describe("application/json", () => {
  test("[APP9] takes one event or a list of them", () => {
    expect(eventsOf('{"type":"a.b"}', "json")).toMatchObject([{ sequence: 1, type: "a.b" }]);
    expect(eventsOf('\n[{"type":"a.b"},{"type":"c.d"}]\n', "json")).toMatchObject([{ type: "a.b" }, { type: "c.d" }]);
    expect(linesOf("[]", "json")).toEqual([]);
  });

  test.each([
    ["nothing", ""],
    ["half a list", "[1"],
    ["two values", '{"type":"a.b"}\n{"type":"a.b"}'],
    ["a byte-order mark", '\uFEFF{"type":"a.b"}'],
    ["invalid UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
    ["4 MiB of brackets", "[".repeat(LIMITS.appendBodyBytes)],
  ])("[APP9] %s is not JSON", (_what, body) => {
    expect(refusalOf(body, "json")).toEqual(refused("INVALID_JSON", undefined));
  });

  test.each(["5", "null", '"a"', "[[]]", "{}", '[{"type":"a.b"},{"type":1}]'])(
    "[APP7] [APP9] %s is not a list of events",
    (body) => {
      const line = body.includes("a.b") ? 2 : 1;
      expect(refusalOf(body, "json")).toEqual(refused("INVALID_EVENT", line));
    },
  );
});

describe("any body", () => {
  const half = LIMITS.appendBodyBytes / 2 - 64;
  test.each([
    ["json", `${"[".repeat(half)}${"]".repeat(half)}`, "INVALID_EVENT"],
    ["json", `{"type":"a.b","payload":{"a":${"[".repeat(half)}1e400${"]".repeat(half)}}}`, "INVALID_EVENT"],
    ["ndjson", `{"type":"a.b","payload":{"a":${"[".repeat(half)}1e400${"]".repeat(half)}}}`, "INVALID_EVENT"],
    ["ndjson", `{"type":"a.b","junk":${"[".repeat(half)}1e400${"]".repeat(half)}}`, "INVALID_EVENT"],
  ] as const)("[APP12] nesting as deep as a body allows is refused, not thrown (%s)", (format, body, code) => {
    expect(refusalOf(body, format)).toEqual(refused(code, 1));
  });

  test("[APP12] [EVT1] is refused with a known 4xx code or becomes lines that every reader can parse", () => {
    const line = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc
        .record(
          {
            type: fc.oneof(fc.constantFrom("a.b", ...Object.keys(payloadSchemas)), fc.string()),
            created_at: fc.constantFrom<unknown>(AT, "x", 5, null),
            source: fc.constantFrom<unknown>("cli", null, 5),
            payload: fc.oneof(
              fc.jsonValue(),
              fc.record({ stream: fc.constantFrom("stdout", "x"), message: fc.string() }),
            ),
          },
          { requiredKeys: ["type"] },
        )
        .map((event) => JSON.stringify(event)),
    );
    const body = fc.oneof(
      fc.array(line).map((lines) => bytesOf(lines.join("\n"))),
      fc.uint8Array(),
    );
    fc.assert(
      fc.property(body, fc.constantFrom<AppendFormat>("ndjson", "json", "text"), fc.boolean(), (bytes, format, raw) => {
        const parsed = parse(bytes, format, raw);
        if (parsed.kind === "refused") {
          expect([413, 422]).toContain(ERROR_CODES[parsed.refusal.code].status);
          return;
        }
        for (const text of linesOf(bytes, format, raw)) {
          expect(text).not.toContain("\n");
          expect(runEventSchema.safeParse(parseLine(text)).success).toBe(true);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test("[APP3] [EVT4] output comes back line for line", () => {
    const message = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n]/g, ""));
    fc.assert(
      fc.property(fc.array(message), (messages) => {
        expect(messagesOf(messages.map((text) => `${text}\n`).join(""), "text")).toEqual(messages);
      }),
    );
  });
});
