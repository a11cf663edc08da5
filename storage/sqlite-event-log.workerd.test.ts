import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { eventLogContract } from "./event-log.contract.ts";
import { SqliteEventLog } from "./sqlite-event-log.ts";

eventLogContract("in the SQLite of an object", async (use) => {
  const object = env.RUNS.getByName(crypto.randomUUID());
  await runInDurableObject(object, async (_instance, state) => use(new SqliteEventLog(state.storage)));
});

test("[LOG1] the segments of a run that was begun before their time was kept are read, and those to come have it", async () => {
  const object = env.RUNS.getByName(crypto.randomUUID());
  await runInDurableObject(object, async (_instance, { storage }) => {
    const log = new SqliteEventLog(storage);
    log.putIdentity({ runId: "r", workspaceId: "w", createdAt: 0, parameters: "{}", leaseMs: null, endAfterMs: 0 });
    storage.sql.exec("DROP TABLE segments");
    storage.sql.exec(
      "CREATE TABLE segments (first_sequence INTEGER PRIMARY KEY, last_sequence INTEGER NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT) STRICT",
    );
    const old = { firstSequence: 1, lastSequence: 2, bytes: 9, sha256: "ab" };
    storage.sql.exec("INSERT INTO segments VALUES (1, 2, 9, 'ab')");
    expect(log.load()?.segments).toEqual([old]);
    const next = { firstSequence: 3, lastSequence: 4, bytes: 9, sha256: "cd", latestAt: "2026-11-21T02:30:00.123Z" };
    log.putSegment(next);
    expect(new SqliteEventLog(storage).load()?.segments).toEqual([old, next]);
  });
});
