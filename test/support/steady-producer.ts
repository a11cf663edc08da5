import { setTimeout as sleep } from "node:timers/promises";
import { RunProducer } from "../../client/node.ts";

/** A producer in a process of its own, to be stopped and killed: `node steady-producer.ts <url> <token> <run>`, a line each half second. */
const [url = "", token = "", runId = ""] = process.argv.slice(2);
const producer = new RunProducer({ url, token, runId, timing: { heartbeatMs: 1_000 } });
await producer.write({ type: "run.started", payload: {} });
for (let count = 1; ; count += 1) {
  await producer.write({ type: "console.line", payload: { stream: "stdout", message: `beat ${count}` } });
  await sleep(500);
}
