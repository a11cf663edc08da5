import { expect, test } from "vitest";
import { refuseCreation } from "./create-run.ts";

const parametersOf = (json: string) => ({ parameters: JSON.parse(json) });

test("parameters are stored as they are, or refused: sizes, keys, and numbers that would become null", () => {
  expect(refuseCreation(parametersOf('{"a":[{"b":1e308},null,-0.5],"c":"é"}'))).toBeNull();
  expect(refuseCreation(parametersOf('{"a":[{"b":1e400}]}'))).toMatchObject({ code: "INVALID_BODY" });
  expect(refuseCreation(parametersOf(`{"a":"${"x".repeat(64 * 1024)}"}`))).toMatchObject({ code: "INVALID_BODY" });
  const keys = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`k${at}`, at]));
  expect(refuseCreation({ parameters: keys })).toMatchObject({ code: "INVALID_BODY" });
});
