import { expect, test } from "vitest";
import { byTurns, pick, together } from "./rounds.ts";

const bench = { rounds: 3, seconds: 1, scale: 1, isSmoke: false, wants: { case: () => true, peer: () => true } };
const contenders = [{ name: "runcast" }, { name: "raw" }, { name: "node" }];

test("each is first in turn, and the round that warms counts for nothing", async () => {
  const order: string[] = [];
  const turns = await byTurns(bench, contenders, async ({ name }, round) => {
    order.push(`${round} ${name}`);
    return { round };
  });
  expect(order.filter((_, at) => at % 3 === 0)).toEqual(["0 runcast", "1 raw", "2 node", "3 runcast"]);
  expect(order).toHaveLength(12);
  expect(pick(turns, ({ round }) => round)["node"]?.values.toSorted()).toEqual([1, 2, 3]);
});

test("who fails is left out, and the reason stands in the table; in a smoke test it is an error", async () => {
  const failing = async ({ name }: { name: string }, round: number) => {
    if (name === "raw" && round >= 2) throw new Error("out of memory");
    return { round };
  };
  const abandoned: string[] = [];
  const abandon = async ({ name }: { name: string }) => void abandoned.push(name);
  const { raw, node } = pick(await byTurns(bench, contenders, failing, { abandon }), ({ round }) => round);
  expect(abandoned).toEqual(["raw"]);
  expect(raw).toMatchObject({ values: [1], notes: ["Error: out of memory"] });
  expect(node).toMatchObject({ values: [1, 2, 3], notes: [] });
  await expect(byTurns({ ...bench, rounds: 2, isSmoke: true }, contenders, failing)).rejects.toThrow("out of memory");
});

test("one measurement may be of all", async () => {
  let round = 0;
  const turns = await together(bench, async () => ({ runcast: { round: round++ }, raw: { round } }));
  expect(turns.results).toEqual({
    runcast: [{ round: 1 }, { round: 2 }, { round: 3 }],
    raw: [{ round: 2 }, { round: 3 }, { round: 4 }],
  });
});
