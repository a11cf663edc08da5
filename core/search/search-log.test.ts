import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import { runs } from "../../test/simulation/settings.ts";
import { textForm } from "../../worker/reading/event-forms.ts";
import type { LogWindow } from "../ports.ts";
import { isDamageMark } from "../reading/damage.ts";
import { readLog, windowLines } from "../reading/read-log.ts";
import { searchLog, type SearchPace, type SearchStep } from "./search-log.ts";
import { compileMatcher, type TextMatcher, type Wanted } from "./text-matcher.ts";

/** What a run says, as its log has it: some of it damaged afterwards. */
type Said = {
  type: string;
  message?: unknown;
  partial?: boolean;
  stream?: string;
  level?: string;
  isDamaged?: boolean;
};

const storedLine = ({ type, message, partial, stream = "stdout", level }: Said, sequence: number): string =>
  JSON.stringify({
    sequence,
    type,
    created_at: "2026-11-21T02:30:00.123Z",
    payload: { stream, message, level, ...(partial === undefined ? {} : { partial }) },
  });

/** The archived log, so many lines a window, as its readers get it. */
function windowsOf(log: readonly Said[], afterSequence = 0, sizes: readonly number[] = [3]): AsyncGenerator<LogWindow> {
  async function* stored(): AsyncGenerator<LogWindow> {
    for (let at = 0, cut = 0; at < log.length; cut += 1) {
      const some = log.slice(at, at + (sizes[cut % sizes.length] ?? 1));
      const lines = some.map((one, index) => {
        const line = storedLine(one, at + index + 1);
        return `${one.isDamaged === true ? `\0${line.slice(1)}` : line}\n`;
      });
      yield { firstSequence: at + 1, lastSequence: at + some.length, lines: lines.join("") };
      at += some.length;
    }
  }
  const nowhere = (): never => {
    throw new Error("an archived log is all in one place");
  };
  return readLog(
    {
      tail: nowhere,
      readSegment: nowhere,
      live: nowhere,
      wholeLog: async () => stored(),
      archivedHead: async () => log.length,
    },
    { afterSequence, follow: false, isEnded: true, asStored: false },
  );
}

const matcherOf = (wanted: Wanted): TextMatcher => {
  const compiled = compileMatcher(wanted);
  if (compiled.kind === "fault") throw new Error(compiled.fault);
  return compiled.matcher;
};
const plain = (query: string, isCaseSensitive = true): TextMatcher =>
  matcherOf({ query, isExpression: false, isCaseSensitive });
const expression = (query: string, isCaseSensitive = true): TextMatcher =>
  matcherOf({ query, isExpression: true, isCaseSensitive });

const still: SearchPace = { now: () => 0, rest: async () => {}, isLeft: () => false };
type Search = Parameters<typeof searchLog>[1];
const search = (matcher: TextMatcher, options: Partial<Search> = {}): Search => ({
  matcher,
  afterSequence: 0,
  types: null,
  stripAnsi: false,
  level: "debug",
  ...options,
});
async function found(windows: AsyncIterable<LogWindow>, wanted: Search, pace = still): Promise<SearchStep[]> {
  const steps: SearchStep[] = [];
  for await (const step of searchLog(windows, wanted, pace)) steps.push(step);
  return steps;
}

type Line = { sequence: number; text: string };

/** The text export of the windows, and beside it its lines with their numbers, told apart in the plainest way. */
async function exported(
  windows: AsyncIterable<LogWindow>,
  stripAnsi: boolean,
): Promise<{ text: string; lines: Line[]; open: Line | null; damaged: number[] }> {
  const form = textForm({ stripAnsi, timestamps: false });
  const lines: Line[] = [];
  const damaged: number[] = [];
  let text = "";
  let open: Line | null = null;
  for await (const window of windows) {
    for (const { sequence, line } of windowLines(window)) {
      if (isDamageMark(line)) {
        damaged.push(sequence);
        // The export says it in a line of its own: that is no line of the log.
        const mark = form.damage(sequence, sequence);
        text += mark.startsWith("\n") ? "\n" : "";
        if (open !== null) lines.push(open);
        open = null;
        continue;
      }
      const piece = form.line(sequence, line);
      text += piece;
      const { type, payload } = JSON.parse(line);
      if (type !== "console.line") continue;
      open ??= { sequence, text: "" };
      open.text += payload.partial === true ? piece : piece.slice(0, -1);
      if (payload.partial === true) continue;
      lines.push(open);
      open = null;
    }
  }
  if (open !== null) lines.push(open);
  return { text, lines, open, damaged };
}

/** What stands in the line, its own lines each by itself: by JavaScript's expressions, which agree with RE2 on what is drawn here. */
function rangesIn(text: string, pattern: RegExp, isOpen: boolean): [number, number][] | null {
  const pieces = text.split("\n");
  if (isOpen && pieces.at(-1) === "") pieces.pop();
  let ranges: [number, number][] | null = null;
  let offset = 0;
  for (const piece of pieces) {
    for (const match of piece.matchAll(pattern)) {
      ranges ??= [];
      if (match[0] !== "") ranges.push([offset + match.index, offset + match.index + match[0].length]);
    }
    offset += piece.length + 1;
  }
  return ranges;
}

/** Few letters, so that much is found; escapes, halves of characters, and what JSON spells in another way. */
const WORDS = [
  "a",
  "A",
  "b",
  "ab",
  "ä",
  "Ä",
  "ß",
  "s",
  "😀",
  " ",
  '"',
  "\\",
  "/",
  "\n",
  "\r",
  "\u0000",
  "\u001b[31m",
  "\u001b[0m",
  "\ud83d",
  "\ufffd",
];
const words = (most: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...WORDS), { maxLength: most }).map((some) => some.join(""));
const saidArbitrary: fc.Arbitrary<Said> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("console.line"),
      message: words(6),
      partial: fc.constantFrom(undefined, undefined, false, true),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("console.line"), message: fc.constantFrom(7, null, "ab") }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("run.progress", "step.started"), message: words(4) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("console.line"), message: words(4), isDamaged: fc.constant(true) }),
  },
);
const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
/** Those that both engines read alike, as JavaScript does with the flags `su`. */
const EXPRESSIONS = [
  "a+",
  "^a",
  "b$",
  "a|ab",
  "(ab)*",
  "[^a]",
  "a.b",
  "x*",
  "^$",
  "\\x{1f600}|a",
  "(?:a|b)+?b",
  "\\ba",
  "a\\s",
  "[äÄ]s?",
  ".*b|a",
  '\\\\|"',
];
const forJavaScript = (source: string): string => source.replaceAll("\\x{1f600}", "\\u{1f600}");

test("[SRCH1] [SRCH2] the lines found are those that a plain look at the text export finds, over any log, windows and damage", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(saidArbitrary, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
      fc.oneof(
        words(3)
          .filter((query) => query !== "" && query.isWellFormed() && !query.includes("\n"))
          .map((query) => ({ query, isExpression: false })),
        fc.constantFrom(...EXPRESSIONS).map((query) => ({ query, isExpression: true })),
      ),
      fc.record({ isCaseSensitive: fc.boolean(), stripAnsi: fc.boolean(), after: fc.nat(8), isEnded: fc.boolean() }),
      async (said, sizes, wanted, { isCaseSensitive, stripAnsi, after, isEnded }) => {
        const log = [{ type: "run.queued" }, ...said, ...(isEnded ? [{ type: "run.completed" }] : [])];
        const afterSequence = Math.min(after, log.length);
        const { text, lines, open, damaged } = await exported(windowsOf(log, afterSequence, sizes), stripAnsi);
        expect(lines.map((line) => `${line.text}${line === open ? "" : "\n"}`).join("")).toBe(text);

        const source = wanted.isExpression ? forJavaScript(wanted.query) : escaped(wanted.query);
        const pattern = new RegExp(source, isCaseSensitive ? "gsu" : "gisu");
        const expected = lines.flatMap((line) => {
          const ranges = rangesIn(line.text, pattern, line === open);
          return ranges === null ? [] : [{ sequence: line.sequence, ranges }];
        });
        const matcher = matcherOf({ ...wanted, isCaseSensitive });
        const steps = await found(windowsOf(log, afterSequence, sizes), search(matcher, { afterSequence, stripAnsi }));
        const hits = steps.flatMap((step) =>
          step.kind === "hit" ? [{ sequence: step.sequence, ranges: step.ranges }] : [],
        );
        expect(hits).toEqual(expected);
        const told = steps.flatMap((step) => (step.kind === "damaged" ? range(step.first, step.last) : []));
        expect(told).toEqual(damaged);
        expect(steps.at(-1)).toMatchObject({ kind: "end", hits: hits.length, isComplete: true });
      },
    ),
    runs(1_000),
  );
});

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);
const lines = (...messages: string[]): Said[] => messages.map((message) => ({ type: "console.line", message }));
const part = (message: string): Said => ({ type: "console.line", message, partial: true });
const sequencesOf = (steps: SearchStep[]): number[] =>
  steps.flatMap((step) => (step.kind === "hit" ? [step.sequence] : []));

test("[SRCH2] a line in parts is found under the number of its first part, its ranges over their borders", async () => {
  const log = [
    ...lines("x"),
    part("needle in a hay"),
    { type: "metric.recorded" },
    part("st"),
    ...lines("ack", "stack"),
  ];
  expect(sequencesOf(await found(windowsOf(log), search(plain("stack"))))).toEqual([2, 6]);
  expect(await found(windowsOf(log), search(plain("haystack")))).toEqual([
    { kind: "hit", sequence: 2, ranges: [[12, 20]], hasMore: false },
    { kind: "end", scannedTo: 6, hits: 1, isComplete: true },
  ]);
});

test("[SRCH3] a line that is open where the log ends is found, and found again by who goes on behind what is scanned", async () => {
  const log = [...lines("one"), part("tw"), part("o")];
  const steps = await found(windowsOf(log), search(plain("two")));
  expect(steps.slice(-2)).toMatchObject([
    { kind: "hit", sequence: 2 },
    { kind: "end", scannedTo: 1, isComplete: true },
  ]);
  const more = [...log, ...lines("fold")];
  expect(await found(windowsOf(more, 1), search(plain("twofold"), { afterSequence: 1 }))).toMatchObject([
    { kind: "hit", sequence: 2, ranges: [[0, 7]] },
    { kind: "end", scannedTo: 4 },
  ]);
  // After the end nothing comes.
  const ended = [...log, { type: "run.completed" }];
  expect((await found(windowsOf(ended), search(plain("two")))).at(-1)).toMatchObject({ scannedTo: 4, hits: 1 });
});

test("[SRCH2] a line that never ends is searched in pieces of bounded length", async () => {
  const much = "x".repeat(LIMITS.searchLineChars / 4);
  const log = [...Array.from({ length: 9 }, () => part(much)), ...lines("end")];
  const steps = await found(windowsOf(log, 0, [1]), search(expression("^x|end$")));
  expect(sequencesOf(steps)).toEqual([1, 5, 9]);
});

test("[SRCH3] at its limit of hits an answer says how far it came, and the next ones find the rest", async () => {
  const count = 2 * LIMITS.searchHits + 5;
  const log = [...Array.from({ length: count }, (_, at): Said => lines(`line ${at}`)[0]!), { type: "run.completed" }];
  const hits: number[] = [];
  const ends: SearchStep[] = [];
  for (let afterSequence = 0; ends.length < 3;) {
    const steps = await found(windowsOf(log, afterSequence, [999]), search(plain("line"), { afterSequence }));
    hits.push(...sequencesOf(steps));
    const end = steps.at(-1)!;
    ends.push(end);
    if (end.kind === "end") afterSequence = end.scannedTo;
  }
  expect(hits).toEqual(range(1, count));
  expect(ends).toEqual([
    { kind: "end", scannedTo: LIMITS.searchHits, hits: LIMITS.searchHits, isComplete: false },
    { kind: "end", scannedTo: 2 * LIMITS.searchHits, hits: LIMITS.searchHits, isComplete: false },
    { kind: "end", scannedTo: count + 1, hits: 5, isComplete: true },
  ]);
});

test("[SRCH3] when its time is over it says how far it came, always further than it began; progress is told on the way", async () => {
  const log = [...Array.from({ length: 20 }, () => part("x")), ...lines("y", "x", "x")];
  let now = 0;
  const pace: SearchPace = { ...still, now: () => (now += LIMITS.searchMs) };
  // All of the first line is read, late as it is: an answer without any progress would be asked for again for ever.
  expect(await found(windowsOf(log, 0, [1]), search(plain("x")), pace)).toMatchObject([
    ...Array.from({ length: 20 }, () => ({ kind: "progress", scannedTo: 0, hits: 0 })),
    { kind: "hit", sequence: 1 },
    { kind: "end", scannedTo: 21, hits: 1, isComplete: false },
  ]);
});

test("[SRCH4] others have their turn while a costly expression is at work, and who has left is not searched for any more", async () => {
  const log = lines(...Array.from({ length: 50 }, () => "ab".repeat(20_000)));
  const costly = expression(`(?:[ab]{0,100}a){2}[ab]*c?$`);
  let rests = 0;
  let isLeft = false;
  const pace: SearchPace = { now: () => 0, rest: async () => void (isLeft = ++rests === 5), isLeft: () => isLeft };
  const steps = await found(windowsOf(log, 0, [50]), search(costly), pace);
  expect(rests).toBe(5);
  expect(sequencesOf(steps).length).toBeLessThan(50);
  expect(steps.some(({ kind }) => kind === "end")).toBe(false);
});

test("[SRCH4] of a line with very many places the first are told, also where each look goes to its end", async () => {
  const [many] = await found(windowsOf(lines("ab".repeat(5_000))), search(plain("a")));
  expect(many).toMatchObject({ kind: "hit", hasMore: true });
  expect(many?.kind === "hit" && many.ranges).toEqual(
    Array.from({ length: LIMITS.searchRanges }, (_, at) => [2 * at, 2 * at + 1]),
  );
  for (const source of [".*c|a", "(?:.*c)?"]) {
    const [quadratic] = await found(windowsOf(lines("a".repeat(250_000))), search(expression(`${source}`)));
    expect([source, quadratic]).toMatchObject([source, { kind: "hit", hasMore: true }]);
    if (quadratic?.kind === "hit") expect(quadratic.ranges.length).toBeLessThan(LIMITS.searchRanges);
  }
});

test("[SRCH4] what no linear search can be made of, or none that is small enough, is refused with the reason and its place", () => {
  const faults: [query: string, fault: RegExp][] = [
    ["(abc", /^missing closing \)$/],
    ["ab**", /nested repetition operator at character 3: \*\*$/],
    ["x[z-a]", /character class range at character 3: z-a$/],
    ["a(?=b)", /at character 2: \(\?=$/],
    [String.raw`(a)\1`, /escape sequence at character 4: \\1$/],
    ["a{1001}", /repeat count at character 2/],
    ["\\", /trailing backslash/],
    ["[ab]{501}", /it comes to 50\d steps, and may have 500: repeat less/],
  ];
  for (const [query, fault] of faults) {
    const compiled = compileMatcher({ query, isExpression: true, isCaseSensitive: true });
    expect([query, compiled]).toEqual([query, { kind: "fault", fault: expect.stringMatching(fault) }]);
  }
});

test("[SRCH1] types leave out what they leave out of the text", async () => {
  const log = lines("needle", "needle");
  expect(sequencesOf(await found(windowsOf(log), search(plain("needle"), { types: ["console.*"] })))).toEqual([1, 2]);
  expect(sequencesOf(await found(windowsOf(log), search(plain("needle"), { types: ["step.*"] })))).toEqual([]);
});

describe("[SRCH6] a level leaves out what is less severe", () => {
  const say = (more: Partial<Said>): Said => ({ type: "console.line", message: "needle", ...more });
  const log = [
    say({}),
    say({ level: "debug" }),
    say({ level: "warning" }),
    say({ level: "error" }),
    say({ stream: "stderr" }),
    say({ stream: "stderr", level: "info" }),
    say({ level: "warning", partial: true }),
    say({ level: "debug" }),
    say({}),
  ];

  test.each([
    ["debug", [1, 2, 3, 4, 5, 6, 7, 9]],
    ["info", [1, 3, 4, 5, 6, 7, 9]],
    ["warning", [3, 4, 5, 7]],
    ["error", [4, 5]],
  ] as const)("%s", async (level, sequences) => {
    expect(sequencesOf(await found(windowsOf(log), search(plain("needle"), { level })))).toEqual(sequences);
    expect(sequencesOf(await found(windowsOf(log), search(expression("^"), { level })))).toEqual(sequences);
    expect(sequencesOf(await found(windowsOf(log), search(plain("hay"), { level })))).toEqual([]);
  });
});

test("[SRCH1] half a character is found as what the text shows of it, also where its other half begins the next part", async () => {
  const log = [part("a\ud83d"), ...lines("\ude00", "\ud83d\ude00", "b\ud83d")];
  expect(await found(windowsOf(log), search(plain("\ufffd")))).toMatchObject([
    { kind: "hit", sequence: 1, ranges: range(1, 2).map((at) => [at, at + 1]) },
    { kind: "hit", sequence: 4, ranges: [[1, 2]] },
    { kind: "end", hits: 2 },
  ]);
  expect(sequencesOf(await found(windowsOf(log), search(plain("\ufffd", false))))).toEqual([1, 4]);
  // No range begins or ends within one.
  const [hit] = await found(windowsOf(lines("😀a")), search(expression("[^😀]?")));
  expect(hit).toMatchObject({ ranges: [[2, 3]] });
});

test("[SRCH1] behind the last newline of a text there is no line", async () => {
  expect(sequencesOf(await found(windowsOf([part("a\n")]), search(expression("^$"))))).toEqual([]);
  expect(sequencesOf(await found(windowsOf([part("")]), search(expression("^$"))))).toEqual([]);
  expect(sequencesOf(await found(windowsOf([part("a\n"), ...lines("")]), search(expression("^$"))))).toEqual([1]);
});
