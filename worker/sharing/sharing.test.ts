import { expect, test } from "vitest";
import type { StoredRun } from "../../core/ports.ts";
import { RUN_STATUSES } from "../../protocol/event.ts";
import { QUEUED_RUN } from "../../protocol/testing/queued-run.ts";
import { drawBadge } from "./badge.ts";
import { describeRun, spanInWords, statusInWords } from "./describe-run.ts";
import { escapeMarkdown, escapeMarkup } from "./escape.ts";
import { previewTags } from "./link-preview.ts";

const RUN: StoredRun = {
  ...QUEUED_RUN,
  name: "nightly build",
  status: "running",
  parameters: "{}",
  started_at: "2026-11-21T02:30:01.000Z",
  last_sequence: 7,
};
const NOW = Date.parse("2026-11-21T02:33:13.900Z");

/** Each would be something else than text where it is not escaped. */
const HOSTILE_NAMES = [
  "</title><script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "' onload='alert(1)",
  "&lt;b&gt; &amp; ]]> <!-- -->",
  "](javascript:alert(1)) ![x](y) `code` **bold** <b>",
  "line\nbreak\ttab\r",
  "nul\u0000 escape\u001b[31m bell\u0007 c1\u009b",
  "lone \ud800 surrogate, not a character \uffff",
  "\u202eright to left\u202c, 名前, 🎉, e\u0301".repeat(9),
];

const FORBIDDEN_IN_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
const unescape = (text: string) =>
  text.replaceAll(/&#(\d+);/g, (_match, code: string) => String.fromCodePoint(Number(code)));

test.each(RUN_STATUSES)("a badge of a run that is %s has its word, its colour and its sign", (status) => {
  const svg = drawBadge({ ...RUN, status });
  expect(svg).toContain(`aria-label="nightly build: ${status}"`);
  expect(svg).toContain(`>${status}</text>`);
  const signs = new Set(
    RUN_STATUSES.map((one) => drawBadge({ ...RUN, status: one }).match(/<g transform.*<\/g>/)?.[0]),
  );
  expect(signs.size).toBe(RUN_STATUSES.length);
});

test.each(HOSTILE_NAMES)("[SHR6] the name %j is text in a badge", (name) => {
  const svg = drawBadge({ ...RUN, name });
  // What is left without texts and quoted values is what a badge is made of, whatever the name.
  const shape = (drawn: string) => drawn.replaceAll(/>[^<>]+</g, "><").replaceAll(/"[^"<>]*"/g, '""');
  expect(shape(svg)).toBe(shape(drawBadge(RUN)));
  expect(svg).not.toMatch(/&(?!#\d+;)/);
  expect(svg).not.toMatch(FORBIDDEN_IN_XML);
  const label = unescape(/<text[^>]*>([^<]*)</.exec(svg)?.[1] ?? "");
  expect(Array.from(label).length).toBeLessThanOrEqual(40);
});

test.each(HOSTILE_NAMES)("[SHR6] the name %j is text in a preview", (name) => {
  const tags = previewTags({ ...RUN, name }, NOW);
  expect(tags.replaceAll(/content="[^"<>]*"/g, "")).toBe(previewTags(RUN, NOW).replaceAll(/content="[^"<>]*"/g, ""));
  expect(tags).not.toMatch(/&(?!#\d+;)/);
});

test.each(HOSTILE_NAMES)("[SHR6] the name %j is text in Markdown, in one line", (name) => {
  const written = escapeMarkdown(name);
  expect(written).not.toMatch(/[\r\n]/);
  // Every mark has its backslash, and what one reads is the name.
  expect(written.replaceAll(/\\[!-/:-@[-`{-~]/g, "")).not.toMatch(/[!-/:-@[-`{-~]/);
  expect(written.replaceAll(/\\(.)/g, "$1")).toBe(unescape(escapeMarkup(name)).replaceAll(/\s+/g, " "));
});

test("a preview says how long it took, how far it is, and how it failed, but not why", () => {
  const ended = { ...RUN, duration_ms: 192_400, status: "succeeded" as const };
  expect(describeRun(ended, NOW)).toBe("Succeeded after 3 min 12 s.");
  const failure = { code: "OUT_OF_MEMORY", message: "secret path /home/x" };
  expect(describeRun({ ...ended, status: "failed", exit_code: 137, failure }, NOW)).toBe(
    "Failed with exit code 137 after 3 min 12 s.",
  );
  expect(describeRun(RUN, NOW)).toBe("Running, for 3 min 12 s so far.");
  expect(describeRun({ ...RUN, status: "queued", started_at: null }, NOW)).toBe("Queued.");
  const progress = { percent: 42.9, items_processed: null, items_total: null, message: "secret" };
  expect(statusInWords({ ...RUN, progress })).toBe("running 42 %");
  expect(statusInWords({ ...RUN, progress, stale: true })).toBe("running, silent");
  expect(previewTags({ ...RUN, name: null, workflow_id: null }, NOW)).toContain(
    'property="og:title" content="run 000000000001 · running"',
  );
});

test.each([
  [-5, "0 ms"],
  [840, "840 ms"],
  [12_999, "12 s"],
  [3_600_000, "1 h"],
  [7_440_000, "2 h 4 min"],
  [3 * 86_400_000 + 3_600_000, "3 d 1 h"],
])("%d ms are %s", (ms, words) => expect(spanInWords(ms)).toBe(words));
