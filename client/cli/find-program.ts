import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

export type FoundProgram = { kind: "found"; path: string } | { kind: "missing" } | { kind: "not_runnable" };

/** Where a shell would find a program. */
export function findProgram(name: string, environment: NodeJS.ProcessEnv): FoundProgram {
  if (name.includes("/")) return judge(name);
  let isSeen = false;
  for (const folder of (environment["PATH"] ?? "").split(delimiter)) {
    const found = judge(join(folder === "" ? "." : folder, name));
    if (found.kind === "found") return found;
    isSeen ||= found.kind === "not_runnable";
  }
  return isSeen ? { kind: "not_runnable" } : { kind: "missing" };
}

function judge(path: string): FoundProgram {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? null;
  if (isFile === null) return { kind: "missing" };
  try {
    accessSync(path, constants.X_OK);
  } catch {
    // That it may not be run is the answer.
    return { kind: "not_runnable" };
  }
  return isFile ? { kind: "found", path } : { kind: "not_runnable" };
}
