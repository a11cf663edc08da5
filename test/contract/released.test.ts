import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readFrame } from "../../client/frame.ts";
import { manifestSchema } from "../../protocol/proof/manifest.ts";
import { runSchema } from "../../protocol/api.ts";
import {
  producerAppendSchema,
  producerFrameSchema,
  watcherFrameSchema,
  workspaceFrameSchema,
} from "../../protocol/frames.ts";
import { parseLine } from "../../protocol/ndjson.ts";
import { foldRunState, newRunState } from "../../protocol/run-state.ts";
import { foldSummary, newSummary, summarySchema } from "../../protocol/summary.ts";
import { readWatcherFrame } from "../../protocol/watcher-frame.ts";

/** What version 1 said when it was released; today's readers must read it as it was meant. */
const read = (name: string): string => readFileSync(`protocol/fixtures/v1/${name}`, "utf8");
const linesOf = (name: string): string[] => read(name).trimEnd().split("\n");

test("a log of version 1 is read line by line, and its folds say what its own last line says", () => {
  const state = newRunState();
  const summary = newSummary();
  for (const line of linesOf("events.ndjson")) {
    const event = parseLine(line);
    if (event === null) throw new Error(`not read: ${line}`);
    foldRunState(state, event, Buffer.byteLength(line));
    foldSummary(summary, event);
  }
  const completed = parseLine(linesOf("events.ndjson").at(-1) ?? "");
  expect(summary).toEqual(summarySchema.parse(completed?.payload["summary"]));
  const run = runSchema.parse(JSON.parse(read("run.json")));
  const { status, exit_code, failure, last_sequence, progress } = run;
  expect(state).toMatchObject({ status, exit_code, failure, progress });
  expect(last_sequence).toBe(linesOf("events.ndjson").length);
});

test("a manifest of version 1 still proves its log", () => {
  const manifest = manifestSchema.parse(JSON.parse(read("manifest.json")));
  expect(manifest.sha256).toBe(createHash("sha256").update(read("events.ndjson")).digest("hex"));
  expect(manifest.events).toBe(linesOf("events.ndjson").length);
});

test("a watcher of today reads every frame of version 1: the log's very lines, and each control line", () => {
  const items = readFrame(linesOf("live.ndjson").join("\n"));
  const lines = items.flatMap((item) => (item.kind === "lines" ? item.lines.map(({ line }) => line) : []));
  expect(lines).toEqual(linesOf("events.ndjson"));
  const ops = items.flatMap((item) => (item.kind === "control" ? [watcherFrameSchema.parse(item.value).op] : []));
  expect(new Set(ops)).toEqual(new Set(["hello", "caught_up", "presence", "end"]));
  expect(items.filter(({ kind }) => kind === "unreadable")).toEqual([]);
});

test("a producer and a list of today read every frame of version 1", () => {
  const said = linesOf("produce.ndjson").map((line) => producerFrameSchema.parse(JSON.parse(line)).op);
  expect(said).toEqual(["hello", "ack", "ack", "error", "control", "ack"]);
  const told = linesOf("workspace.ndjson").map((line) => workspaceFrameSchema.parse(JSON.parse(line)).op);
  expect(new Set(told)).toEqual(new Set(["hello", "run", "run_deleted"]));
});

test("a server of today understands what clients of version 1 say on their sockets", () => {
  for (const line of linesOf("said.ndjson")) {
    const { socket, frame }: { socket: string; frame: string } = JSON.parse(line);
    if (socket === "live") expect(readWatcherFrame(frame).kind).toBe("commands");
    else expect(producerAppendSchema.safeParse(JSON.parse(frame)).success).toBe(true);
  }
});
