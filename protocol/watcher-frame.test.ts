import { expect, test } from "vitest";
import { readWatcherFrame } from "./watcher-frame.ts";

const ack = (sequence: number) => JSON.stringify({ op: "ack", sequence });

test("a frame holds one command or several, each on its line", () => {
  expect(readWatcherFrame(ack(3))).toEqual({ kind: "commands", commands: [{ op: "ack", sequence: 3 }] });
  const view = { op: "view", first: 1, last: 9, follow: true };
  expect(readWatcherFrame(`${ack(3)}\nping\n${JSON.stringify(view)}\n`)).toEqual({
    kind: "commands",
    commands: [{ op: "ack", sequence: 3 }, view],
  });
});

test.each([
  ["no JSON", "hello"],
  ["another op", '{"op":"shout"}'],
  ["an unknown field", '{"op":"ack","sequence":1,"more":2}'],
  ["a bad number", '{"op":"ack","sequence":-1}'],
  ["one bad line of two", `${ack(1)}\nhello`],
  ["more than 4 KiB", `${ack(1)}${" ".repeat(4096)}`],
  ["more than 4 KiB of two-byte characters", `{"op":"ack","sequence":1,"é":"${"é".repeat(2040)}"}`],
  ["nothing", ""],
  ["bytes", new ArrayBuffer(2)],
])("%s is refused", (_what, frame) => {
  expect(readWatcherFrame(frame).kind).toBe("bad");
});
