import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../../protocol/event.ts";
import { kindOf, artifactHref } from "./artifact-kind.ts";
import { draftOf, readDraft } from "./run-edit.ts";
import { noticesOf } from "./run-notices.ts";
import { NOT_VERIFIED } from "./seal.ts";
import { RUN } from "./testing/run.ts";
import { shareSnippets } from "./share-snippets.ts";

describe("an edit is read from what was typed", () => {
  const run = { name: "build web", labels: { branch: "main" } };

  test("nothing changed, nothing is sent", () =>
    expect(readDraft(draftOf(run), run)).toEqual({ kind: "ok", changes: {} }));
  test("only what changed is sent; an empty name takes it away", () =>
    expect(readDraft({ name: " ", labels: "branch: main" }, run)).toEqual({ kind: "ok", changes: { name: null } }));
  test("labels are lines; values may be empty and hold colons; order does not matter", () => {
    expect(readDraft({ name: "build web", labels: "\nurl: http://x:1\n flag \nbranch:main" }, run)).toEqual({
      kind: "ok",
      changes: { labels: { url: "http://x:1", flag: "", branch: "main" } },
    });
    const two = { name: null, labels: { a: "1", b: "2" } };
    expect(readDraft({ name: "", labels: "b: 2\na: 1" }, two)).toEqual({ kind: "ok", changes: {} });
  });
  test.each([": value", "a: 1\na: 2"])("%j is told in words", (labels) =>
    expect(readDraft({ name: "", labels }, run)).toMatchObject({ kind: "wrong" }),
  );
  test("a label called __proto__ is a label", () => {
    const draft = readDraft({ name: "build web", labels: "__proto__: x" }, run);
    expect(draft.kind === "ok" && Object.keys(draft.changes.labels ?? {})).toEqual(["__proto__"]);
  });
});

describe("what one should know about a run", () => {
  const event = (type: string, payload: Record<string, unknown>): RunEvent => ({
    sequence: 5,
    type,
    created_at: "2026-11-21T02:30:00.000Z",
    payload,
  });
  const facts = {
    run: RUN,
    events: [],
    damaged: [],
    damagedLines: 0,
    verification: NOT_VERIFIED,
    isLogMissing: false,
  };
  const words = (more: Partial<Parameters<typeof noticesOf>[0]>): string =>
    noticesOf({ ...facts, ...more })
      .map(({ text }) => text)
      .join("\n");

  test("of a healthy run there is nothing to say", () => expect(noticesOf(facts)).toEqual([]));
  test("a silent producer, and since when", () => {
    const events = [event("producer.lost", { last_sequence: 4, since: "2026-11-21T02:30:00.000Z" })];
    expect(words({ run: { ...RUN, stale: true }, events })).toContain("not been heard of since 21 Nov 2026, ");
    expect(words({ run: { ...RUN, stale: true } })).toContain("not been heard of. The run stays open");
  });
  test("degraded and incomplete are two things; which lines are damaged says more than that some are", () => {
    const run = { ...RUN, logging_degraded: true, incomplete: true };
    const keys = (damagedLines: number): string[] => noticesOf({ ...facts, run, damagedLines }).map(({ key }) => key);
    expect([keys(0), keys(2)]).toEqual([
      ["degraded", "incomplete"],
      ["degraded", "damaged"],
    ]);
    expect(words({ damagedLines: 2, damaged: [{ first: 9, last: 10 }] })).toContain(
      "2 lines of the stored log cannot be read (events 9 to 10 are marked below)",
    );
  });
  test("what a verification found has the last word", () => {
    const proof = {
      complete: false,
      events: 40,
      sha256: "0".repeat(64),
      gaps: [{ first: 12, last: 12 }],
      damaged: [{ first: 1_204, last: 1_310, reason: "unreadable" as const }],
      manifest: "valid" as const,
      signed_by: null,
    };
    const verification = { ...NOT_VERIFIED, answer: { at: 0, proof } };
    const run = { ...RUN, last_sequence: 2_000, incomplete: true };
    expect(words({ run, damagedLines: 2, verification })).toBe(
      "The stored log was verified and is not whole: event 12 is missing, events 1,204 to 1,310 are unreadable. All others are as they were written. A backup of the server's storage may have them.",
    );
    expect(
      words({
        run: { ...run, incomplete: false },
        verification: { ...NOT_VERIFIED, answer: { at: 0, proof: { ...proof, complete: true } } },
      }),
    ).toBe("");
  });
  test("a log that is gone is more than incomplete", () =>
    expect(
      noticesOf({ ...facts, run: { ...RUN, incomplete: true }, isLogMissing: true }).map(({ key }) => key),
    ).toEqual(["missing"]));
  test("who cancelled it, and why", () => {
    const run = { ...RUN, status: "cancelled" as const };
    const events = [
      event("control.requested", { control_id: "c", action: "cancel", by: "ana", reason: "wrong branch" }),
    ];
    expect(words({ run, events })).toBe("Cancelled by ana: wrong branch");
    expect(words({ run })).toBe("");
  });
});

test.each([
  ["image/png", "image"],
  ["IMAGE/PNG; x=y", "image"],
  ["image/svg+xml", "other"],
  ["text/plain; charset=utf-8", "text"],
  ["text/html", "text"],
  ["application/json", "text"],
  ["application/vnd.x+json", "text"],
  ["application/octet-stream", "other"],
  ["", "other"],
])("an artifact of type %j is %s", (mediaType, kind) => expect(kindOf({ media_type: mediaType })).toBe(kind));

test("an artifact's name cannot leave its path", () =>
  expect(artifactHref("r", "a b?#%.html")).toBe("/api/runs/r/artifacts/a%20b%3F%23%25.html"));

test("what is copied holds no token, and the address in every form", () => {
  for (const { text } of shareSnippets({ url: "https://runcast.test", runId: RUN.run_id })) {
    expect(text).toContain(RUN.run_id);
    expect(text).toMatch(/(?:https|wss):\/\/runcast\.test/);
    expect(text).not.toMatch(/Bearer [^$]/);
  }
});
