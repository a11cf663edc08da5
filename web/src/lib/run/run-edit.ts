import type { Run, EditRun } from "../../../../protocol/api.ts";

/** What the form holds: text, as it is typed. */
export type RunDraft = { name: string; labels: string };

export const draftOf = (run: Pick<Run, "name" | "labels">): RunDraft => ({
  name: run.name ?? "",
  labels: Object.entries(run.labels)
    .map(([key, value]) => `${key}: ${value}`)
    .join("\n"),
});

export type ReadDraft = { kind: "ok"; changes: EditRun } | { kind: "wrong"; reason: string };

/** One label a line, `key: value`; the value may be empty, and hold colons. Only what differs from `run` is sent. */
export function readDraft(draft: RunDraft, run: Pick<Run, "name" | "labels">): ReadDraft {
  const labels: Record<string, string> = {};
  for (const [at, line] of draft.labels.split("\n").entries()) {
    if (line.trim() === "") continue;
    const [, key, value] = /^\s*([^:]+?)\s*(?::\s*(.*?)\s*)?$/.exec(line) ?? [];
    if (key === undefined) return { kind: "wrong", reason: `Line ${at + 1} of the labels is not “key: value”.` };
    if (Object.hasOwn(labels, key)) return { kind: "wrong", reason: `The label “${key}” is there twice.` };
    Object.defineProperty(labels, key, { value: value ?? "", enumerable: true, configurable: true, writable: true });
  }
  const name = draft.name.trim() === "" ? null : draft.name.trim();
  return {
    kind: "ok",
    changes: {
      ...(name === run.name ? {} : { name }),
      ...(isSame(labels, run.labels) ? {} : { labels }),
    },
  };
}

const isSame = (a: Record<string, string>, b: Record<string, string>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([key, value]) => b[key] === value);
