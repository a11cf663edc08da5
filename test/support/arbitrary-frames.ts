import fc from "fast-check";
import { broken, mostly, text, valueOf } from "./arbitrary-requests.ts";
import type { Contract } from "./contract.ts";

/**
 * Random lives of a socket, made from the AsyncAPI document: some as it asks for them, most with something broken. What they are about is a word
 * until they are opened, so that the same seed makes the same of another server.
 */
export type SocketKind = "live" | "produce" | "workspace";
export type RandomSocket = {
  kind: SocketKind;
  /** Which run, or workspace. `large` is archived, and more than a window. */
  of: "open" | "ended" | "large" | "none";
  as: "viewer" | "operator" | "administrator" | "nobody";
  origin: "none" | "own" | "other";
  query: [string, string][];
  frames: RandomFrame[];
  /** The object is evicted before this frame. */
  evictBefore: number | null;
  leave: { kind: "close"; code: number | undefined } | { kind: "cut" };
};

export type RandomFrame =
  | { kind: "text"; text: string }
  /** Bytes in a text frame need not be UTF-8. */
  | { kind: "bytes"; bytes: Buffer; isBinary: boolean }
  /** A text frame that comes in two parts. */
  | { kind: "parts"; text: string; at: number }
  /** A batch whose number is so far from the one that is next. */
  | { kind: "batch"; ahead: number; lines: string };

const SIZES = [4 * 1024 - 1, 4 * 1024 + 1, 70_000, 1_100_000];
const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

export function randomSocket(contract: Contract): fc.Arbitrary<RandomSocket> {
  return fc.constantFrom<SocketKind>("live", "live", "produce", "produce", "workspace").chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      of: mostly<RandomSocket["of"]>(
        kind === "live" ? fc.constantFrom("open", "open", "ended", "large") : fc.constant("open"),
        fc.constantFrom("ended", "none"),
        12,
      ),
      as: mostly<RandomSocket["as"]>(
        kind === "produce" ? fc.constantFrom("operator", "administrator") : fc.constantFrom("viewer", "operator"),
        fc.constantFrom("viewer", "nobody"),
        12,
      ),
      origin: mostly<RandomSocket["origin"]>(fc.constantFrom("none", "own"), fc.constant("other"), 12),
      query: randomQuery(contract, kind),
      frames: fc.array(randomFrame(contract, kind), { maxLength: 6 }),
      evictBefore: mostly<number | null>(fc.constant(null), fc.nat(5), 8),
      leave: mostly<RandomSocket["leave"]>(
        fc.constantFrom(undefined, 1000, 3000, 4999).map((code) => ({ kind: "close", code })),
        fc.constant({ kind: "cut" }),
        5,
      ),
    }),
  );
}

function randomQuery(contract: Contract, kind: SocketKind): fc.Arbitrary<[string, string][]> {
  if (kind === "produce") {
    const good = fc
      .tuple(fc.constantFrom("p", "q", "__proto__", "a b"), fc.constantFrom("0", "0", "1", "7"))
      .map(([id, epoch]): [string, string][] => [
        ["producer_id", id],
        ["producer_epoch", epoch],
      ]);
    return mostly(
      good,
      good.map((pairs) => pairs.slice(1)),
      20,
    );
  }
  const { properties = {} } = contract.asyncapi.channels[kind]?.bindings.ws.query ?? {};
  const one = Object.entries(properties).map(([name, schema]): fc.Arbitrary<[string, string][]> => {
    if (typeof schema === "boolean") throw new Error(`${name} has no schema`);
    const value = mostly(valueOf(contract.openapi, schema).map(String), text, 12);
    return mostly(
      fc.constant([]),
      value.map((chosen) => [[name, chosen.toWellFormed()]]),
      4,
    );
  });
  return fc.tuple(...one).map((pairs) => pairs.flat());
}

function randomFrame(contract: Contract, kind: SocketKind): fc.Arbitrary<RandomFrame> {
  const heard = contract.messagesOf(kind, "Hears");
  const good = fc.oneof(
    ...heard.map(({ contentType, payload }) =>
      valueOf(contract.openapi, payload).map((value) =>
        contentType === "text/plain" ? String(value) : JSON.stringify(value),
      ),
    ),
  );
  const harmed = fc
    .oneof(...heard.map(({ payload }) => broken(contract.openapi, payload)))
    .map((value) => JSON.stringify(value));
  const cut = fc.tuple(good, fc.nat(40)).map(([line, at]) => line.slice(0, at));
  const line = fc.oneof(
    { arbitrary: good, weight: 12 },
    { arbitrary: harmed, weight: 2 },
    { arbitrary: cut, weight: 1 },
    { arbitrary: text, weight: 1 },
    { arbitrary: fc.constantFrom(...ODD_LINES), weight: 2 },
  );
  const lines = fc.oneof(
    { arbitrary: good, weight: 6 },
    { arbitrary: line, weight: 4 },
    { arbitrary: fc.array(line, { minLength: 2, maxLength: 5 }).map((several) => several.join("\n")), weight: 2 },
    {
      arbitrary: fc.constantFrom(
        "",
        "\n",
        "\n".repeat(3_000),
        "ping\n".repeat(200),
        ...SIZES.map((size) => "x".repeat(size)),
      ),
      weight: 1,
    },
  );
  const frame = fc.oneof<fc.Arbitrary<RandomFrame>[]>(
    lines.map((chosen) => ({ kind: "text", text: chosen })),
    fc.tuple(lines, fc.nat(10)).map(([chosen, at]) => ({ kind: "parts", text: chosen, at })),
  );
  const bytes = fc
    .tuple(fc.uint8Array({ maxLength: 50 }), fc.boolean())
    .map(([chosen, isBinary]): RandomFrame => ({ kind: "bytes", bytes: Buffer.from(chosen), isBinary }));
  return kind === "produce" ? mostly(randomBatch(), mostly(frame, bytes, 4), 4) : mostly(frame, bytes, 12);
}

const ODD_LINES = [
  '{"op":"sing"}',
  '{"op":"__proto__"}',
  '{"op":null}',
  '{"op":"ack"}',
  '{"op":"ack","sequence":1e400}',
  '{"op":"ack","sequence":-0}',
  '{"op":"ack","sequence":1,"sequence":2}',
  '{"op":"ack","sequence":1,"__proto__":{"a":1}}',
  '{"op":"append","producer_sequence":1e0}',
  '{"op":"append","producer_sequence":9007199254740993}',
  '{"\\ud800":"\\udfff","op":"view","first":1,"last":0,"follow":true}',
  '\ufeff{"op":"ack","sequence":1}',
  "\u0000",
  "\ud800",
  "null",
  "PING",
  " ping ",
  deep(50),
  deep(1_500),
  deep(100_000),
];

/** The lines of a batch, which an append over HTTP is searched for in full elsewhere: here, how a batch is answered. */
function randomBatch(): fc.Arbitrary<RandomFrame> {
  const line = fc.oneof(
    fc.constant('{"type":"console.line","payload":{"stream":"stdout","message":"from a socket"}}'),
    fc.constant('{"type":"metric.recorded","payload":{"name":"m","value":1.10}}'),
    text,
  );
  const wrong = fc.constantFrom(
    '{"type":"console.line"}',
    '{"type":"run.queued"}',
    '{"type":"build.started"}',
    '{"type":"run.completed","payload":{"status":"succeeded"}}\nmore',
    '{"type":"X"}',
    `{"type":"x.y","payload":${'{"a":'.repeat(129)}1${"}".repeat(129)}}`,
    `{"type":"x.y","payload":{"a":"${"x".repeat(300_000)}"}}`,
    "x".repeat(4 * 1024 * 1024 + 1),
  );
  const end = fc.constant('{"type":"run.completed","payload":{"status":"succeeded"}}');
  const many = fc.constantFrom("x\n".repeat(1_000), "\n".repeat(50_000), "é".repeat(400_000), "");
  return fc.record({
    kind: fc.constant("batch" as const),
    ahead: mostly(fc.constant(0), fc.constantFrom(-1, -2, 1, 100, -100), 4),
    lines: fc.oneof(
      { arbitrary: fc.array(line, { minLength: 1, maxLength: 4 }).map((several) => several.join("\n")), weight: 12 },
      { arbitrary: wrong, weight: 3 },
      { arbitrary: many, weight: 2 },
      { arbitrary: end, weight: 1 },
    ),
  });
}
