import { globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Every table in the storage of any run's object of a server, from the files in which the local runtime keeps it. */
export function runObjectTables(data: string): unknown[] {
  const files = globSync("**/*-RunObject/*.sqlite", { cwd: data }).filter((file) => !file.endsWith("metadata.sqlite"));
  if (files.length === 0) throw new Error("no object has a file");
  return files.flatMap((file) => ask(join(data, file), "SELECT name FROM sqlite_master"));
}

/** When the alarm of the run's object goes off; null when it has none. */
export function alarmOf(data: string, runId: string): number | null {
  const [file] = globSync("**/*-RunObject/metadata.sqlite", { cwd: data });
  if (file === undefined) throw new Error("the local runtime keeps its alarms elsewhere now");
  const rows = ask(join(data, file), "SELECT scheduled_time FROM _cf_ALARM WHERE actor_name = ?", runId);
  // Nanoseconds.
  return rows[0] === undefined ? null : Number(rows[0]["scheduled_time"]) / 1e6;
}

function ask(file: string, sql: string, ...parameters: string[]) {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const statement = database.prepare(sql);
    statement.setReadBigInts(true);
    return statement.all(...parameters);
  } finally {
    database.close();
  }
}
