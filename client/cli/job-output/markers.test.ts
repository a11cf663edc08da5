import { describe, expect, test } from "vitest";
import type { ProducerEvent } from "../../producer-event.ts";
import { Masks } from "../masking/masks.ts";
import { JobOutput } from "./job-output.ts";
import { Markers } from "./markers.ts";
import type { Stream } from "./markers.ts";

const read = (lines: string[], options: { secrets?: string[]; isOn?: boolean; stream?: Stream } = {}) => {
  const { secrets = [], isOn = true, stream = "stdout" } = options;
  const masks = new Masks(secrets);
  const markers = new Markers(masks, isOn);
  const output = new JobOutput({ masks, markers, streams: ["stdout", "stderr"] });
  const items = lines.flatMap((line, index) => output.push(stream, Buffer.from(`${line}\n`), index * 1_000));
  const events = items.flatMap((item) => ("event" in item ? [item.event] : []));
  return { events, end: () => markers.end("failed", 3, lines.length * 1_000) };
};
const line = (message: string, more: Record<string, unknown> = {}, step?: string): ProducerEvent => ({
  type: "console.line",
  ...(step === undefined ? {} : { step }),
  payload: { stream: "stdout", message, ...more },
});
const started = (step: string, name: string, parent?: string): ProducerEvent => ({
  type: "step.started",
  step,
  payload: { name, ...(parent === undefined ? {} : { parent }) },
});
const completed = (step: string, duration_ms: number, more: Record<string, unknown> = {}): ProducerEvent => ({
  type: "step.completed",
  step,
  payload: { status: "succeeded", duration_ms, ...more },
});

describe("groups", () => {
  test("become steps that nest, and every line stays and knows its step", () => {
    const { events } = read([
      "a",
      "::group::Outer one",
      "b",
      "::group::In",
      "c",
      "::endgroup::",
      "d",
      "::endgroup::",
      "e",
    ]);
    expect(events).toEqual([
      line("a"),
      started("outer-one", "Outer one"),
      line("::group::Outer one", {}, "outer-one"),
      line("b", {}, "outer-one"),
      started("in", "In", "outer-one"),
      line("::group::In", {}, "in"),
      line("c", {}, "in"),
      line("::endgroup::", {}, "in"),
      completed("in", 2_000),
      line("d", {}, "outer-one"),
      line("::endgroup::", {}, "outer-one"),
      completed("outer-one", 6_000),
      line("e"),
    ]);
  });

  test("left open end as the command did; one end too many is only a line", () => {
    const { events, end } = read(["::endgroup::", "::group::a", "::group::a"]);
    expect(events[0]).toEqual(line("::endgroup::"));
    expect(end()).toEqual([
      completed("a-2", 1_000, { status: "failed", exit_code: 3 }),
      completed("a", 2_000, { status: "failed", exit_code: 3 }),
    ]);
  });
});

test("groups that are never closed are not remembered for ever, and the ends that come still fit", () => {
  const deep = 500;
  const lines = [
    ...Array.from({ length: deep }, (_, index) => `::group::g${index}`),
    ...Array.from({ length: deep }, () => "::endgroup::"),
  ];
  const { events, end } = read([...lines, "::group::last"]);
  const starts = events.filter(({ type }) => type === "step.started");
  expect(starts).toHaveLength(101);
  expect(starts.at(-1)).toEqual(started("last", "last"));
  expect(end()).toHaveLength(1);
});

test("no two steps have one id, whatever their names", () => {
  const names = ["a", "a", "a 2", "A!", "?", "!", ...Array.from({ length: 200 }, () => "again")];
  const { events } = read(names.flatMap((name) => [`::group::${name}`, "::endgroup::"]));
  const ids = events.filter(({ type }) => type === "step.started").map(({ step }) => step);
  expect(new Set(ids).size).toBe(names.length);
  expect(ids.slice(0, 6)).toEqual(["a", "a-2", "a-2-2", "a-3", "step", "step-2"]);
});

describe("sections", () => {
  test("follow one another, and close the groups within", () => {
    const { events } = read(["--- :package: Install", "::group::deps", "+++ Test", "~~~ \u001B[33mQuiet\u001B[0m"]);
    expect(events.filter(({ type }) => type !== "console.line")).toEqual([
      started("package-install", ":package: Install"),
      started("deps", "deps", "package-install"),
      completed("deps", 1_000),
      completed("package-install", 2_000),
      started("test", "Test"),
      completed("test", 1_000),
      started("quiet", "Quiet"),
    ]);
  });

  test.each([
    "---",
    "--- ",
    " --- x",
    "----- x",
    "--- a/file",
    "+++ b/file",
    "--- /dev/null",
    "--- old\t2026-01-01",
    "--- FAIL: TestX (0.00s)",
  ])("are not guessed from %j", (text) => expect(read([text]).events).toEqual([line(text)]));

  test("are not read from standard error, where a shell traces", () => {
    const { events } = read(["+++ dirname x"], { stream: "stderr" });
    expect(events.map(({ type }) => type)).toEqual(["console.line"]);
  });
});

describe("annotations", () => {
  test("become issues, and the line has the level", () => {
    const { events } = read([
      "::error file=src/a.ts,line=3,col=7,endLine=4,endColumn=8,title=No semicolon::one%0Atwo %25",
      "::notice::hello",
      "  ::Warning line=x::indented",
    ]);
    expect(events).toEqual([
      line("::error file=src/a.ts,line=3,col=7,endLine=4,endColumn=8,title=No semicolon::one%0Atwo %25", {
        level: "error",
      }),
      {
        type: "run.validation.issue",
        payload: {
          severity: "error",
          code: "No semicolon",
          message: "one\ntwo %",
          title: "No semicolon",
          file: "src/a.ts",
          line: 3,
          column: 7,
          end_line: 4,
          end_column: 8,
        },
      },
      line("::notice::hello", { level: "info" }),
      { type: "run.validation.issue", payload: { severity: "info", code: "notice", message: "hello" } },
      line("  ::Warning line=x::indented", { level: "warning" }),
      { type: "run.validation.issue", payload: { severity: "warning", code: "warning", message: "indented" } },
    ]);
  });

  test("a debug line has its level, and what is unknown is a line", () => {
    expect(read(["::debug::x", "::set-output name=a::b", "std::vector::push"]).events).toEqual([
      line("::debug::x", { level: "debug" }),
      line("::set-output name=a::b"),
      line("std::vector::push"),
    ]);
  });
});

test("metrics, written with blanks or commas; one without a finite value is only a line", () => {
  const { events } = read([
    "::metric name=loss value=0.3 unit=nats at=12::",
    "::metric name=x,value=-1e3::",
    "::metric name=x value=high::",
    "::metric value=1::",
  ]);
  expect(events.filter(({ type }) => type !== "console.line")).toEqual([
    { type: "metric.recorded", payload: { name: "loss", value: 0.3, unit: "nats", at: 12 } },
    { type: "metric.recorded", payload: { name: "x", value: -1000 } },
  ]);
});

test("stop-commands is honoured until its token comes", () => {
  const { events } = read([
    "::stop-commands::tok",
    "::group::a",
    "--- b",
    "::add-mask::word",
    "word",
    "::tok::",
    "::group::c",
  ]);
  expect(events.filter(({ type }) => type !== "console.line")).toEqual([started("c", "c")]);
  expect(events[4]).toEqual(line("word"));
});

describe("secrets", () => {
  test("add-mask masks from then on, and its own line is not sent; markers off or not", () => {
    for (const isOn of [true, false]) {
      const { events } = read(
        ["before w0rd", "::add-mask::w0rd", "after w0rd", "::add-mask::one%0A}%0Atwo", "one } two"],
        { isOn },
      );
      expect(events).toEqual([line("before w0rd"), line("after ***"), line("*** } ***")]);
    }
  });

  test("what is derived from a line is masked as well, even where an escape hid it", () => {
    const { events } = read(
      [
        "::group::with s3c:r3t",
        "--- s3c:r3t",
        "::error title=s3c%3Ar3t::s3c:r3t",
        "::metric name=s3c:r3t value=1::",
        "::metric name=x value=123456::",
      ],
      { secrets: ["s3c:r3t", "123456"] },
    );
    expect(JSON.stringify(events)).not.toMatch(/s3c|123456/);
    expect(events.filter(({ type }) => type !== "console.line").map(({ type }) => type)).toEqual([
      "step.started",
      "step.completed",
      "step.started",
      "run.validation.issue",
      "metric.recorded",
    ]);
  });
});

test("off, nothing is read from lines", () => {
  expect(read(["::group::a", "--- b", "::error::c"], { isOn: false }).events.map(({ type }) => type)).toEqual([
    "console.line",
    "console.line",
    "console.line",
  ]);
});
