import * as fc from "fast-check";
import { expect, test } from "vitest";
import { QUEUED_RUN } from "../protocol/testing/queued-run.ts";
import { RuncastApi } from "./api.ts";
import { runToJson } from "./run-with-text.ts";
import { orThrow } from "./runcast-error.ts";

const DIGITS = fc.constantFrom(
  "12345678901234567890",
  "0.1000000000000000055",
  "1e400",
  "-0.10E-7",
  "9007199254740993",
  "3",
);
const NAMES = fc.constantFrom("id", "__proto__", "parameters", "items", "parameters_text", 'é"{');
/** The text of an object such as a server answers with: JSON.parse would change most of these numbers. */
const objects = (depth: number): fc.Arbitrary<string> =>
  fc.dictionary(NAMES, depth === 0 ? DIGITS : fc.oneof(DIGITS, objects(depth - 1), fc.json({ maxDepth: 1 }))).map(
    (members) =>
      `{${Object.entries(members)
        .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
        .join(",")}}`,
  );

/** The answer that a server gives about a run with these parameters. */
const runText = (parameters: string): string => {
  const rest = { ...QUEUED_RUN, watch_url: "http://127.0.0.1/runs/1" };
  return `{"parameters":${parameters},${JSON.stringify(rest).slice(1)}`;
};
const apiThatAnswers = (text: string): RuncastApi =>
  new RuncastApi({ url: "http://127.0.0.1", fetch: async () => new Response(text) });

test("[EVT3] [EVT4] a run's parameters are there as they came, wherever the API answers with a run, and go out as they came", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(objects(2), { minLength: 1, maxLength: 3 }), async (all) => {
      const [parameters = ""] = all;
      const api = apiThatAnswers(runText(parameters));
      const { run_id: id } = QUEUED_RUN;
      for (const answer of [
        await api.getRun(id),
        await api.createRun("default", {}, "key"),
        await api.editRun(id, {}),
        await api.cancelRun(id),
      ]) {
        const run = orThrow(answer);
        expect(run.parameters_text).toBe(parameters);
        expect(JSON.stringify(run.parameters)).toBe(JSON.stringify(JSON.parse(parameters)));
        expect(runToJson(run)).toContain(`"parameters":${parameters},`);
        expect(JSON.parse(runToJson(run))).toEqual(JSON.parse(runText(parameters)));
      }
      const { run } = orThrow(await api.getRunToEdit(id));
      expect(run.parameters_text).toBe(parameters);

      const list = `{"items":[${all.map(runText).join(",")}],"next_cursor":null,"skipped":0}`;
      const { items } = orThrow(await apiThatAnswers(list).listRuns("default"));
      expect(items.map(({ parameters_text }) => parameters_text)).toEqual(all);
    }),
  );
});

test("[EVT3] [EVT4] a run is asked for with the text of its parameters as it is, and without one as it was", async () => {
  const sent: unknown[] = [];
  const api = new RuncastApi({
    url: "http://127.0.0.1",
    fetch: async (_url, init) => {
      sent.push(init?.body);
      return new Response(runText("{}"));
    },
  });
  const text = '{"id":12345678901234567890,"__proto__":{"x":1e400}}';
  await api.createRun("default", { name: "n", parameters_text: text, labels: { a: "b" } }, "key");
  await api.createRun("default", { parameters: { lost: 1 }, parameters_text: text }, "key");
  await api.createRun("default", { parameters: { a: [1] } }, "key");
  await api.createRun("default", {}, "key");
  expect(sent).toEqual([
    `{"name":"n","labels":{"a":"b"},"parameters":${text}}`,
    `{"parameters":${text}}`,
    '{"parameters":{"a":[1]}}',
    "{}",
  ]);
});

test.each(["", "null", "[]", "{", '{"items":1}', '{"items":[1]}', '{"items":[{}]}', '{"parameters":{}}'])(
  "an answer that is no run is said to be unreadable: %j",
  async (text) => {
    const api = apiThatAnswers(text);
    for (const answer of [await api.getRun(QUEUED_RUN.run_id), await api.listRuns("default")])
      expect(answer).toMatchObject({ kind: "problem", problem: { code: "UNREADABLE" } });
  },
);
