import { globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export type StoredKey = { key: string; size: number };

/** Every key under `prefix` in R2, from the database in which the local R2 keeps them: only while no server runs. */
export function storedKeys(data: string, prefix: string): StoredKey[] {
  for (const file of globSync("resources/**/*.sqlite", { cwd: data })) {
    const database = new DatabaseSync(join(data, file), { readOnly: true });
    try {
      const tables = database.prepare("SELECT name FROM sqlite_master WHERE name = '_mf_objects'").all();
      if (tables.length === 0) continue;
      const rows = database
        .prepare("SELECT key, size FROM _mf_objects WHERE key LIKE ? ORDER BY key")
        .all(`${prefix}%`);
      return rows.map(({ key, size }) => ({ key: String(key).slice(prefix.length), size: Number(size) }));
    } finally {
      database.close();
    }
  }
  return [];
}

/**
 * What is wrong with a run's keys at a moment, or null. Segments follow one another from 1 without a gap or an overlap; only when the
 * manifest stands may one of them be gone, because then the whole log is proved.
 */
export function layoutFault(keys: readonly StoredKey[]): string | null {
  const segments = keys
    .map(({ key, size }) => ({ range: /^logs\/segments\/(\d{16})-(\d{16})\.ndjson$/.exec(key), size }))
    .flatMap(({ range, size }) => (range === null ? [] : [{ first: Number(range[1]), last: Number(range[2]), size }]));
  const whole = keys.find(({ key }) => key === "logs/events.ndjson");
  const isProved = keys.some(({ key }) => key === "logs/manifest.json");
  const isBeside = ["index.bin", "timeline.ndjson"].every((name) => keys.some(({ key }) => key === `logs/${name}`));
  if (isProved && !isBeside) return "a manifest without its index and timeline";
  if (isProved) return whole === undefined ? "a manifest without a log" : null;
  let next = 1;
  for (const { first, last } of segments) {
    if (first !== next) return `segment ${first}-${last} stands where ${next} is due, and there is no manifest`;
    next = last + 1;
  }
  const bytes = segments.reduce((sum, { size }) => sum + size, 0);
  if (whole !== undefined && whole.size !== bytes)
    return `a log of ${whole.size} bytes, segments of ${bytes}, and no manifest`;
  return null;
}
