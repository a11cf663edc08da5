import { spawn } from "node:child_process";
import { once } from "node:events";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AppendAnswer, Problem } from "../../protocol/api.ts";
import { messageOf, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { expectNumbered } from "../support/read-every-way.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher } from "../support/watcher.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

const pathOf = (runId: string): string => `/api/runs/${runId}/events?raw=true&stream=true`;
type Told = { status: number; body: AppendAnswer & Problem };

/** A body that is sent piece by piece, for as long as one likes. */
class Upload {
  readonly request: ClientRequest;
  readonly told: Promise<Told>;

  constructor(runId: string, headers: Record<string, string> = {}) {
    this.request = request(api.url + pathOf(runId), {
      method: "POST",
      headers: { authorization: `Bearer ${api.token}`, "transfer-encoding": "chunked", ...headers },
    });
    this.told = new Promise((resolve, reject) => {
      this.request.on("error", reject);
      this.request.on("response", (response: IncomingMessage) => {
        text(response)
          .then((body) => resolve({ status: response.statusCode ?? 0, body: JSON.parse(body) }))
          .catch(reject);
      });
    });
    // A test that cuts the line does not look at the answer.
    this.told.catch(() => {});
    this.request.flushHeaders();
  }

  /** Waits while the server takes no more. */
  async write(piece: string | Uint8Array): Promise<void> {
    if (!this.request.write(piece)) await once(this.request, "drain");
  }

  end(piece = ""): Promise<Told> {
    this.request.end(piece);
    return this.told;
  }
}

const outputOf = async (runId: string): Promise<string[]> =>
  (await api.lines(runId, "types=console.*")).map((line) => messageOf(line));

test("[APP18] lines are there, durable and in order, while the body is still being sent; the answer comes at its end", async () => {
  const { run_id } = await api.createRun();
  const watcher = new Watcher(api, run_id);
  const upload = new Upload(run_id);
  for (let line = 1; line <= 10; line += 1) {
    await upload.write(`line ${line}\r\nhalf `);
    await waitUntil("the line is watched", () => watcher.lines.length >= line + 2);
    await sleep(120);
  }
  expect(await upload.end("of the last")).toEqual({
    status: 200,
    body: { first_sequence: 3, last_sequence: 13, accepted: 11, duplicate: false, control: [] },
  });
  expect(await outputOf(run_id)).toEqual([
    "line 1",
    ...Array.from({ length: 9 }, (_, at) => `half line ${at + 2}`),
    "half of the last",
  ]);
  expectNumbered(await api.lines(run_id));
});

test("[APP18] a body of 60 MB is stored whole", async () => {
  const { run_id } = await api.createRun();
  const upload = new Upload(run_id);
  const filler = "é".repeat(400);
  let lines = 0;
  while (lines < 75_000) {
    let piece = "";
    for (let at = 0; at < 500; at += 1) piece += `${(lines += 1)} ${filler}\n`;
    await upload.write(piece);
  }
  const { status, body } = await upload.end();
  expect([status, body.accepted, body.last_sequence]).toEqual([200, lines, lines + 2]);
  const output = await outputOf(run_id);
  expect(output.findIndex((message, at) => message !== `${at + 1} ${filler}`)).toBe(-1);
  expect(output).toHaveLength(lines);
});

test("[APP8] a line of 3 MB is split into partial ones, between characters", async () => {
  const { run_id } = await api.createRun();
  const long = "a😀".repeat(600_000);
  expect((await new Upload(run_id).end(`before\n${long}\nafter`)).status).toBe(200);
  expect((await api.read(run_id, "format=text")).text).toBe(`before\n${long}\nafter\n`);
});

test("no lines: nothing is stored, and the run is not started", async () => {
  const { run_id } = await api.createRun();
  const { status, body } = await new Upload(run_id).end();
  expect([status, body]).toEqual([
    200,
    { first_sequence: null, last_sequence: null, accepted: 0, duplicate: false, control: [] },
  ]);
  expect((await api.run(run_id)).status).toBe("queued");
});

test("[APP19] what came whole from a sender that is cut off is stored, in order, and the run goes on", async () => {
  const { run_id } = await api.createRun();
  const upload = new Upload(run_id);
  for (let line = 1; line <= 2_000; line += 1) await upload.write(`line ${line}\n`);
  await upload.write("half a line");
  await waitUntil("some of it is stored", async () => (await api.run(run_id)).last_sequence > 100);
  upload.request.destroy();
  await waitUntil("all whole lines are stored", async () => (await api.run(run_id)).last_sequence === 2_002);
  await sleep(300);
  expect(await outputOf(run_id)).toEqual(Array.from({ length: 2_000 }, (_, at) => `line ${at + 1}`));
  await api.complete(run_id);
  expectNumbered(await api.lines(run_id));
});

test("[APP19] an object that is evicted in the middle costs no line and doubles none", async () => {
  const { run_id } = await api.createRun();
  const upload = new Upload(run_id);
  for (let line = 1; line <= 300; line += 1) {
    await upload.write(`line ${line}\n`);
    if (line % 60 === 0) await inspected.evict(run_id);
    await sleep(2);
  }
  expect((await upload.end()).body.accepted).toBe(300);
  expect(await outputOf(run_id)).toEqual(Array.from({ length: 300 }, (_, at) => `line ${at + 1}`));
});

test("[APP20] a run that ends while output comes is told at once, with what was stored of it", async () => {
  const { run_id } = await api.createRun();
  const upload = new Upload(run_id);
  await upload.write("one\ntwo\n");
  await waitUntil("both lines are stored", async () => (await api.run(run_id)).last_sequence === 4);
  await api.complete(run_id, "failed");
  // Without another line: an open stream asks by itself.
  const { status, body } = await upload.told;
  expect([status, body.code, body.stored]).toEqual([
    409,
    "RUN_ENDED",
    { first_sequence: 3, last_sequence: 4, accepted: 2 },
  ]);
  expect(body.detail).toContain("2 events of this stream are stored, the last as sequence 4");
  expect(await outputOf(run_id)).toEqual(["one", "two"]);
});

test("an open stream is its producer: a quiet one loses no lease, and a cancel asks before it ends", async () => {
  const { run_id } = await api.createRun({ lease_seconds: 10 });
  const upload = new Upload(run_id);
  await upload.write("one\n");
  await sleep(12_500);
  expect((await api.run(run_id)).stale).toBe(false);
  const asked = await api.ask("POST", `/api/runs/${run_id}/cancel`, { body: {} });
  expect([asked.status, asked.json<{ status: string }>().status]).toEqual([202, "running"]);
  const { body } = await upload.end("two\n");
  expect(body.control).toMatchObject([{ action: "cancel" }]);
  expect(await api.lines(run_id, "types=producer.*")).toEqual([]);
});

test.each<[string, string, Record<string, string>, number, string]>([
  ["without raw", "stream=true", {}, 400, "INVALID_QUERY"],
  ["neither true nor false", "raw=true&stream=yes", {}, 400, "INVALID_QUERY"],
  ["twice", "raw=true&stream=true&stream=true", {}, 400, "INVALID_QUERY"],
  ["with a batch number", "raw=true&stream=true", { "producer-id": "p" }, 422, "INVALID_PRODUCER"],
  ["as a form", "raw=true&stream=true", { "content-type": "multipart/form-data" }, 415, "UNSUPPORTED_MEDIA_TYPE"],
])("a stream %s is refused, and nothing is stored", async (_what, query, headers, status, code) => {
  const { run_id } = await api.createRun();
  const answer = await api.ask("POST", `/api/runs/${run_id}/events?${query}`, { body: "x\n", headers });
  expect([answer.status, answer.json().code]).toEqual([status, code]);
  expect((await api.run(run_id)).last_sequence).toBe(1);
});

test("who may: a stranger 401, a viewer 403; a run that is not there 404, one that has ended 409", async () => {
  const { run_id } = await api.createRun();
  const ask = async (id: string, token: string | null): Promise<unknown[]> => {
    const answer = await api.ask("POST", pathOf(id), { body: "x\n", token });
    return [answer.status, answer.json().code];
  };
  expect(await ask(run_id, null)).toEqual([401, "UNAUTHENTICATED"]);
  expect(await ask(run_id, inspected.viewToken)).toEqual([403, "FORBIDDEN"]);
  expect(await ask("0194a8e0-0000-7000-8000-000000000000", api.token)).toEqual([404, "RUN_NOT_FOUND"]);
  await api.complete(run_id);
  expect(await ask(run_id, api.token)).toEqual([409, "RUN_ENDED"]);
  await inspected.archived(run_id);
  expect(await ask(run_id, api.token)).toEqual([409, "RUN_ENDED"]);
});

test("make 2>&1 | curl -T -: lines arrive as they are printed, and curl is told the end of a run that was ended", async () => {
  const { run_id } = await api.createRun();
  const curl = (script: string) => {
    const command = `(${script}) 2>&1 | curl -sS -T - -X POST -H "Authorization: Bearer $TOKEN" -w '\n%{http_code}' "$URL"`;
    const env = { ...process.env, TOKEN: api.token, URL: api.url + pathOf(run_id) };
    const child = spawn("bash", ["-c", command], { env, stdio: ["ignore", "pipe", "pipe"] });
    return Promise.all([text(child.stdout), text(child.stderr)]);
  };
  const first = curl("echo one; sleep 2; echo two >&2; printf three");
  await waitUntil("the first line is there", async () => (await outputOf(run_id)).join() === "one");
  const [out] = await first;
  expect(out.split("\n").at(-1)).toBe("200");
  expect(JSON.parse(out.split("\n")[0] ?? "")).toMatchObject({ accepted: 3 });
  expect(await outputOf(run_id)).toEqual(["one", "two", "three"]);

  const second = curl("while sleep 0.05; do echo tick; done");
  await waitUntil("it ticks", async () => (await outputOf(run_id)).includes("tick"));
  await api.ask("POST", `/api/runs/${run_id}/cancel?force=true`);
  const [told] = await second;
  expect(told.split("\n").at(-1)).toBe("409");
  expect(JSON.parse(told.split("\n")[0] ?? "")).toMatchObject({ code: "RUN_ENDED" });
});

test("a sender that pours on when its run has ended is told as well", async () => {
  const { run_id } = await api.createRun();
  const child = spawn(
    "bash",
    ["-c", `yes "$LINE" | curl -sS -T - -X POST -H "Authorization: Bearer $TOKEN" -w '\n%{http_code}' "$URL"`],
    {
      env: { ...process.env, LINE: "y".repeat(100), TOKEN: api.token, URL: api.url + pathOf(run_id) },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const told = text(child.stdout);
  await waitUntil("it pours", async () => (await api.run(run_id)).last_sequence > 1_000);
  await api.ask("POST", `/api/runs/${run_id}/cancel?force=true`);
  const out = await told;
  expect(out.split("\n").at(-1)).toBe("409");
  expect(out).toContain("RUN_ENDED");
});
