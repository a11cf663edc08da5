import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { eventLogContract } from "./event-log.contract.ts";
import { SqliteEventLog } from "./sqlite-event-log.ts";

eventLogContract("in the SQLite of an object", async (use) => {
  const object = env.RUNS.getByName(crypto.randomUUID());
  await runInDurableObject(object, async (_instance, state) => use(new SqliteEventLog(state.storage)));
});
