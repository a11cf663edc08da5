import { z } from "zod";
import { runListSchema, runSchema } from "../protocol/api.ts";
import type { CreateRun, Run, RunList } from "../protocol/api.ts";
import { isRecord } from "../protocol/ndjson.ts";
import { itemsOf, membersOf } from "./json-text.ts";

/** A run as the server tells it, and its parameters once more as the text that they came as. */
export type RunWithText = Run & {
  /** The JSON text of `parameters`: every number with its digits, of which JavaScript keeps only as many as a double does. */
  parameters_text: string;
};
export type RunListWithText = Omit<RunList, "items"> & { items: RunWithText[] };

export const runWithTextSchema: z.ZodType<RunWithText> = runSchema.extend({
  // As it was parsed: a record of zod's would leave out a parameter called `__proto__`.
  parameters: z.custom<Record<string, unknown>>(isRecord),
  parameters_text: z.string(),
});
export const runListWithTextSchema: z.ZodType<RunListWithText> = runListSchema.extend({
  items: z.array(runWithTextSchema),
});

/** `value` is the run of this text, parsed; with the text of its parameters. What is no run stays what it is. */
export const withText = (value: unknown, text: string): unknown =>
  isRecord(value) ? { ...value, parameters_text: membersOf(text).get("parameters") } : value;

/** The same for a list of runs. */
export function listWithText(value: unknown, text: string): unknown {
  if (!isRecord(value) || !Array.isArray(value["items"])) return value;
  const texts = itemsOf(membersOf(text).get("items") ?? "");
  const items = value["items"].map((item: unknown, at) => withText(item, texts[at] ?? ""));
  return { ...value, items };
}

/** What a run is to be. `parameters_text`, the JSON text of an object, goes out as it is, in place of `parameters`. */
export type NewRun = CreateRun & { parameters_text?: string };

/** The run in one line of JSON, as the server told it or is told it: its parameters with their digits. */
export function runToJson({ parameters_text: text, ...run }: RunWithText | NewRun): string {
  const told = text === undefined ? run : { ...run, parameters: {} };
  const members = Object.entries(told)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const json = name === "parameters" && text !== undefined ? text : JSON.stringify(value);
      return `${JSON.stringify(name)}:${json}`;
    });
  return `{${members.join(",")}}`;
}
