import { Agent, request, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LONG_MS, runs, untilFailure } from "../simulation/settings.ts";
import { Api, contractOf } from "../support/api.ts";
import { randomRequest, type RandomRequest } from "../support/arbitrary-requests.ts";
import type { Contract } from "../support/contract.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";

let server: ServerProcess;
let api: Api;
let contract: Contract;
const agent = new Agent({ keepAlive: true, maxSockets: 4 });

beforeAll(async () => {
  server = await startServer();
  api = new Api(server.url, server.token);
  contract = await contractOf(server.url);
});
afterAll(async () => {
  agent.destroy();
  await removeServers();
});

/** The runs that requests are about; one that a request has used up is made anew. */
const known: { open: string | null; ended: string | null } = { open: null, ended: null };

async function runIds(): Promise<{ open: string; ended: string }> {
  known.open ??= (await api.createRun({ name: "open" })).run_id;
  if (known.ended === null) {
    const { run_id } = await api.createRun({ name: "ended" });
    await api.add(run_id, [{ type: "console.line", payload: { stream: "stdout", message: "one line" } }]);
    await api.complete(run_id);
    known.ended = run_id;
  }
  return { open: known.open, ended: known.ended };
}

function forget(path: string, method: string, status: number): void {
  if (method === "GET" || method === "HEAD" || (status >= 400 && status !== 404 && status !== 409)) return;
  if (known.open !== null && path.includes(known.open)) known.open = null;
  if (known.ended !== null && path.includes(known.ended) && method === "DELETE") known.ended = null;
}

type Seen = { status: number; headers: [string, string][]; text: string | null };

async function send({ method, path, headers, body }: RandomRequest): Promise<Seen> {
  const { open, ended } = await runIds();
  const filled = (value: string): string =>
    value
      .replace("<open>", open)
      .replace("<ended>", ended)
      .replace("<administrator>", server.token)
      .replace("<viewer>", server.viewToken);
  const target = filled(path);
  const seen = await new Promise<Seen>((resolve, reject) => {
    const fields = headers.map(([name, value]): [string, string] => [name, filled(value)]);
    // Said in any case: for some methods Node says nothing, and the body would be read as the next request.
    const length = body === null ? {} : { "content-length": body.byteLength };
    const options = { method, path: target, headers: { ...Object.fromEntries(fields), ...length }, agent };
    const sent = request(server.url, options, (answer) => void readAnswer(answer).then(resolve, reject));
    sent.once("error", reject);
    sent.end(body);
  });
  forget(target, method, seen.status);
  return seen;
}

/** A stream that follows a run has no end: what it says at once is enough. */
async function readAnswer(answer: IncomingMessage): Promise<Seen> {
  const pieces: Buffer[] = [];
  let isWhole = false;
  answer.on("data", (piece: Buffer) => pieces.push(piece));
  const ended = new Promise<void>((resolve) => answer.once("close", resolve)).then(() => (isWhole = answer.complete));
  const isJson = /^application\/(problem\+)?json/.test(answer.headers["content-type"] ?? "");
  const isOpen = !("content-length" in answer.headers) && !isJson;
  await (isOpen ? Promise.race([ended, sleep(40)]) : ended);
  if (!isWhole) answer.destroy();
  const headers = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]);
  return { status: answer.statusCode ?? 0, headers, text: isWhole ? Buffer.concat(pieces).toString() : null };
}

test(
  "the documents are honest: no random request, valid or broken, gets a 500 or an answer they do not name",
  { timeout: LONG_MS },
  async () => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(randomRequest(contract.openapi), async (random) => {
        const { status, headers, text } = await send(random);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        const exchange = { method: random.method, path: random.path, status, headers, text };
        expect(contract.faultOf(exchange)).toBeNull();
        expect(status, text ?? "").not.toBe(500);
        expect(status, text ?? "").not.toBe(503);
      }),
      { ...runs(1_000), ...untilFailure },
    );
    // A search that is refused at the door has looked at nothing.
    expect([...statuses.keys()]).toEqual(
      expect.arrayContaining([200, 202, 204, 400, 401, 403, 404, 405, 409, 415, 422]),
    );
  },
);
