import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import type { Run } from "../../protocol/api.ts";
import { Api } from "../support/api.ts";
import { removeServers, startServer } from "../support/server-process.ts";

afterAll(removeServers);

type Request = { method: string; path: string; headers: Record<string, string>; body: string; status: number };

test("what a client of version 1 asks is answered today as it was when it was released", async () => {
  const server = await startServer();
  const api = new Api(server.url, server.token);
  const requests = readFileSync("protocol/fixtures/v1/requests.ndjson", "utf8").trimEnd().split("\n");
  let id = "";
  for (const line of requests) {
    const { method, path, headers, body, status }: Request = JSON.parse(line);
    const answer = await api.ask(method, path.replace("{id}", id), { headers, ...(body === "" ? {} : { body }) });
    expect([path, answer.status]).toEqual([path, status]);
    if (id === "") id = answer.json<Run>().run_id;
  }
});
