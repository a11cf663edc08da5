import { expect, test } from "vitest";
import { findCommands } from "../ui/commands.ts";
import { runCommands, type RunActions, type RunCommandFacts } from "./run-commands.ts";
import { RUN } from "./testing/run.ts";

const facts: RunCommandFacts = { run: RUN, head: 1_300, target: null, mayEdit: false, origin: "http://h" };
const done: string[] = [];
const act: RunActions = {
  showTab: (tab) => Promise.resolve(void done.push(`tab ${tab}`)),
  goToLine: (sequence) => done.push(`line ${sequence}`),
  goToMoment: (at) => done.push(`moment ${at}`),
  search: () => done.push("search"),
  goToStart: () => done.push("start"),
  follow: () => done.push("follow"),
  togglePin: () => done.push("pin"),
  copy: (text) => Promise.resolve(void done.push(`copy ${text}`)),
  download: (href) => done.push(`download ${href}`),
};
/** What Enter does after typing this. */
async function enter(query: string, more: Partial<RunCommandFacts> = {}): Promise<string | null> {
  done.length = 0;
  const [first] = findCommands(runCommands({ ...facts, ...more }, act, query), query);
  await first?.run();
  return done[0] ?? null;
}

test.each([
  ["1,204", "line 1204"],
  ["#L7", "line 7"],
  ["line 12", "line 12"],
  ["2026-11-21T02:30:00Z", "moment 2026-11-21T02:30:00.000Z"],
  ["find", "search"],
  ["9999", "line 1300"],
  ["end", "follow"],
  ["top", "start"],
  ["issues", "tab issues"],
  ["copy id", `copy ${RUN.run_id}`],
  ["share", `copy http://h/runs/${RUN.run_id}`],
  ["nothing of the kind", null],
  ["download text", `download /api/runs/${RUN.run_id}/events?download=true&format=text&ansi=strip`],
])("“%s” and Enter: %s", async (query, does) => expect(await enter(query)).toBe(does));

test("what is not to be done is not offered", async () => {
  expect([await enter("pin"), await enter("pin", { mayEdit: true })]).toEqual([null, "pin"]);
  expect([await enter("link line"), await enter("link line", { target: 40 })]).toEqual([
    null,
    `copy http://h/runs/${RUN.run_id}#L40`,
  ]);
  expect(await enter("7", { head: 0 })).toBeNull();
});
