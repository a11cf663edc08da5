import { expect, test } from "vitest";
import type { Answer } from "./api.ts";
import { ServerVersion } from "./server-version.ts";

test("a server that has become another is told once, an unreachable one not at all", async () => {
  const unreachable: Answer<never> = {
    kind: "problem",
    problem: {
      code: "UNREACHABLE",
      status: null,
      detail: "",
      retry: true,
      retryAfterMs: null,
      line: null,
      expected: null,
    },
  };
  const answers = ["1+a", "1+a", null, "1+b", "1+b", null, "2+a"];
  const told: string[] = [];
  const health = async (): Promise<Answer<{ version: string }>> => {
    const version = answers.shift() ?? null;
    return version === null ? unreachable : { kind: "ok", value: { version } };
  };
  const version = new ServerVersion({ health }, (changed) => told.push(changed));
  while (answers.length > 0) await version.check();
  expect(told).toEqual(["1+b", "2+a"]);
});
