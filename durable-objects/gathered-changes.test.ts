import { expect, test } from "vitest";
import { GatheredChanges } from "./gathered-changes.ts";

/** A clock that is moved by hand, with the timers that wait for it. */
function gather() {
  let now = 0;
  const sent: string[] = [];
  const timers: { at: number; run: () => void }[] = [];
  const changes = new GatheredChanges(250, {
    now: () => now,
    after: (delayMs, run) => void timers.push({ at: now + delayMs, run }),
    send: (runId) => void sent.push(`${runId}@${now}`),
  });
  const moveTo = (at: number): void => {
    now = at;
    for (const timer of timers.filter((candidate) => candidate.at <= now)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.run();
    }
  };
  return { changes, sent, moveTo, timers };
}

test("the first word goes at once, the next of the interval together, the last one always", () => {
  const { changes, sent, moveTo, timers } = gather();
  for (let n = 0; n < 10; n++) changes.progressed("a");
  expect(sent).toEqual(["a@0"]);
  expect(timers).toHaveLength(1);
  moveTo(250);
  expect(sent).toEqual(["a@0", "a@250"]);
  moveTo(1_000);
  expect(sent).toHaveLength(2);
});

test("a change does not wait, and takes the gathered progress with it", () => {
  const { changes, sent, moveTo } = gather();
  changes.progressed("a");
  changes.progressed("a");
  moveTo(100);
  changes.changed("a");
  moveTo(250);
  expect(sent).toEqual(["a@0", "a@100"]);
});

test("one run's progress does not hold up another's", () => {
  const { changes, sent } = gather();
  changes.progressed("a");
  changes.progressed("b");
  expect(sent).toEqual(["a@0", "b@0"]);
});

test("nothing is told of a run that is gone", () => {
  const { changes, sent, moveTo } = gather();
  changes.progressed("a");
  changes.progressed("a");
  changes.forget("a");
  moveTo(250);
  expect(sent).toEqual(["a@0"]);
});
