import { createHash } from "node:crypto";
import { once } from "node:events";
import { globSync } from "node:fs";
import { request, type ClientRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Artifact, ArtifactList } from "../../protocol/api.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { Api } from "../support/api.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const MIB = 1024 * 1024;
const KILLS = process.env.RUNCAST_LONG === "1" ? 30 : 4;

let server: ServerProcess;
let api: Api;
beforeAll(async () => {
  server = await startServer();
  api = new Api(server.url, server.token);
});
afterAll(removeServers);

const pathOf = (runId: string, name: string): string => `/api/runs/${runId}/artifacts/${name}`;
const list = async (runId: string): Promise<Artifact[]> =>
  (await api.ask("GET", `/api/runs/${runId}/artifacts`)).json<ArtifactList>().items;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const content = (bytes: number, seed: number): Buffer => {
  const all = Buffer.alloc(Math.ceil(bytes / 4) * 4);
  for (let at = 0; at < bytes; at += 4) all.writeUInt32LE((at * 2_654_435_761 + seed) >>> 0, at);
  return all.subarray(0, bytes);
};

/** An upload whose bytes the test sends when it wants to; `length` null: none is announced. */
function upload(runId: string, name: string, length: number | null): ClientRequest {
  const sent = request(server.url + pathOf(runId, name), {
    method: "PUT",
    headers: {
      authorization: `Bearer ${server.token}`,
      "content-type": "application/octet-stream",
      ...(length === null ? {} : { "content-length": length }),
    },
  });
  // Broken off on purpose, by the client or with its server.
  sent.on("error", () => {});
  return sent;
}

/** Rows of a D1 table, and keys of R2, from the databases in which the local server keeps them. */
function stored(sql: string, table: string): Record<string, unknown>[] {
  for (const file of globSync("resources/**/*.sqlite", { cwd: server.data })) {
    const database = new DatabaseSync(join(server.data, file), { readOnly: true, timeout: 5_000 });
    try {
      const tables = database.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").all(table);
      if (tables.length > 0) return database.prepare(sql).all();
    } finally {
      database.close();
    }
  }
  throw new Error(`no database has ${table}`);
}
const keys = (runId: string): string[] =>
  stored(`SELECT key FROM _mf_objects WHERE key LIKE '%${runId}/artifacts/%'`, "_mf_objects").map(({ key }) =>
    String(key),
  );
const uploads = (runId: string): unknown[] =>
  stored(`SELECT upload_id FROM artifact_uploads WHERE run_id = '${runId}'`, "artifact_uploads");

test.each([
  ["its length announced", 12 * MIB, 100],
  ["its length announced, after a part", 12 * MIB, 6 * MIB],
  ["its length not announced", null, 6 * MIB],
  ["all but the end of a body of no announced length", null, 10],
])("[ART1] a client that leaves in the middle, %s: no artifact, no key", async (_what, length, sends) => {
  const { run_id } = await api.createRun();
  const sent = upload(run_id, "file", length);
  sent.write(content(sends, 1));
  await waitUntil("the upload is under way", () => uploads(run_id).length === 1);
  await sleep(200);
  sent.destroy();
  await waitUntil("the server has noticed", async () => {
    // What the platform cut off before it could clean up is named for whoever does; either way nothing can be read.
    expect(await list(run_id)).toEqual([]);
    expect(keys(run_id)).toEqual([]);
    return uploads(run_id).length === 0;
  });
  expect((await api.ask("GET", pathOf(run_id, "file"))).status).toBe(404);
  const again = await api.ask("PUT", pathOf(run_id, "file"), { body: new Uint8Array(content(1_000, 2)) });
  expect(again.status).toBe(201);
  expect(await api.lines(run_id, "types=artifact.created")).toHaveLength(1);
});

test("[ART1] a length beyond the limit is refused before its bytes are sent", async () => {
  const { run_id } = await api.createRun();
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write(
    `PUT ${pathOf(run_id, "huge")} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${server.token}\r\ncontent-length: ${LIMITS.artifactBytes + 1}\r\n\r\nfirst bytes`,
  );
  let answer = "";
  for await (const piece of socket) {
    answer += String(piece);
    if (answer.includes("PAYLOAD_TOO_LARGE")) break;
  }
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect(keys(run_id)).toEqual([]);
  expect(uploads(run_id)).toEqual([]);
});

test("[ART1] 64 MiB go through and come back, in parts of which the server holds one", async () => {
  const { run_id } = await api.createRun();
  const bytes = content(64 * MIB, 3);
  const made = await api.ask("PUT", pathOf(run_id, "large"), { body: new Uint8Array(bytes) });
  expect(made.json<Artifact>()).toMatchObject({ bytes: 64 * MIB, sha256: sha256(bytes) });
  const answer = await fetch(server.url + pathOf(run_id, "large"), {
    headers: { authorization: `Bearer ${server.token}` },
  });
  expect(answer.headers.get("content-length")).toBe(String(64 * MIB));
  expect(sha256(new Uint8Array(await answer.arrayBuffer()))).toBe(sha256(bytes));
  const head = await api.ask("HEAD", pathOf(run_id, "large"));
  expect([head.status, head.headers.get("content-length")]).toEqual([200, String(64 * MIB)]);
});

test(
  `[ART1] [ART2] [ART5] killed ${KILLS} times during an upload: no artifact or a whole one, and the next try makes it, told once`,
  { timeout: KILLS * 40_000 },
  async () => {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { run_id } = await api.createRun();
      const bytes = content(11 * MIB + kill, kill);
      const sent = upload(run_id, "file", bytes.length);
      // By turns in the middle of the body, and somewhere in what follows its end.
      if (kill % 2 === 0) sent.write(bytes.subarray(0, 7 * MIB));
      else sent.end(bytes);
      await waitUntil("the upload is under way", () => uploads(run_id).length === 1 || keys(run_id).length === 1);
      await sleep(kill % 2 === 0 ? 150 : 20 * kill);
      await server.killGroup();
      server = await server.restart();
      api = new Api(server.url, server.token);

      const listed = await list(run_id);
      const read = await fetch(server.url + pathOf(run_id, "file"), {
        headers: { authorization: `Bearer ${server.token}` },
      });
      if (listed.length === 0) expect(read.status).toBe(404);
      else expect(sha256(new Uint8Array(await read.arrayBuffer()))).toBe(sha256(bytes));

      const again = await api.ask("PUT", pathOf(run_id, "file"), { body: new Uint8Array(bytes) });
      expect([200, 201]).toContain(again.status);
      expect(await list(run_id)).toMatchObject([{ name: "file", sha256: sha256(bytes) }]);
      expect(await api.lines(run_id, "types=artifact.created")).toHaveLength(1);
      expect(keys(run_id)).toHaveLength(1);

      // What the dead server left is named, and goes with its run.
      await api.complete(run_id);
      expect((await api.ask("DELETE", `/api/runs/${run_id}`)).status).toBe(204);
      expect([keys(run_id), uploads(run_id)]).toEqual([[], []]);
      const open = stored("SELECT key FROM _mf_multipart_uploads WHERE state = 0", "_mf_multipart_uploads");
      expect(open.filter(({ key }) => String(key).includes(run_id))).toEqual([]);
    }
  },
);
