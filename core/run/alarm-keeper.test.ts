import { expect, test } from "vitest";
import { AlarmKeeper } from "./alarm-keeper.ts";
import type { DueFacts } from "./alarm-plan.ts";

const nothing: DueFacts = {
  open: true,
  archiveAt: null,
  indexAt: null,
  leaseMs: null,
  heardAt: 0,
  graceUntil: 0,
  lostAt: null,
  endAfterMs: 0,
  cancelRequestedAt: null,
  watchersAt: null,
  producersAt: null,
};

/** What the keeper set, in order, at a clock that stands at 10 s. */
function keeperOf(facts: { due: DueFacts }) {
  const set: (number | null)[] = [];
  const ports = {
    alarm: { set: (at: number | null) => set.push(at) },
    clock: { now: () => 10_000, newId: () => "id" },
  };
  return { set, keeper: new AlarmKeeper(ports, () => facts.due) };
}

test("[ALM1] what is due now gets an alarm a second ahead, what is due later exactly then", () => {
  const facts = { due: { ...nothing, indexAt: 10_000 } };
  const { set, keeper } = keeperOf(facts);
  keeper.arm();
  expect(set).toEqual([11_000]);
  facts.due = { ...nothing, indexAt: 10_500 };
  keeper.arm();
  expect(set).toEqual([11_000, 10_500]);
});

test("[ALM2] nobody moves the alarm while it is at work; after that it is set for what is due, also when the work failed", () => {
  const facts = { due: { ...nothing, archiveAt: 30_000 } };
  const { set, keeper } = keeperOf(facts);
  keeper.wentOff();
  keeper.arm();
  expect(set).toEqual([]);
  keeper.succeeded();
  expect(set).toEqual([30_000]);
  keeper.wentOff();
  expect(keeper.failed()).toBe(1);
  expect(set).toEqual([30_000, 11_000]);
});
