import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "..");
export const DIST = join(ROOT, "dist");

/** Where one instance keeps everything it must not lose, and what tells a second one that it is in use. */
export type StateFolder = {
  path: string;
  /** Stays the same for this folder and differs between folders; short enough for a cookie's name. */
  instanceName: string;
  /** What Miniflare persists: the objects, D1 and R2. */
  resources: string;
  lockDatabase: string;
  /** Written by local/workerd.sh: which process holds the objects' databases open. */
  workerdPid: string;
  /** What a second start prints, because the first one already serves. */
  serving: string;
};

/** Makes the folder, readable by this user only: tokens and logs are in it. */
export function openStateFolder(path = process.env.RUNCAST_DATA ?? join(ROOT, ".runcast")): StateFolder {
  const absolute = resolve(path);
  mkdirSync(absolute, { recursive: true, mode: 0o700 });
  return {
    path: absolute,
    instanceName: createHash("sha256").update(absolute).digest("hex").slice(0, 8),
    resources: join(absolute, "resources"),
    lockDatabase: join(absolute, "lock.sqlite"),
    workerdPid: join(absolute, "workerd.pid"),
    serving: join(absolute, "serving.json"),
  };
}
