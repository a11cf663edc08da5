import { createHash, createPublicKey, verify as ed25519 } from "node:crypto";
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { call, seedTokens, type Call } from "../test/workerd/api.ts";
import type { Manifest } from "../protocol/proof/manifest.ts";
import { Signer } from "../test/fakes/signer.ts";
import type { Problem, Proof, Run, RunList, SigningKey } from "../protocol/api.ts";

beforeAll(seedTokens);

const folderOf = (runId: string): string => `workspaces/default/runs/${runId}/logs/`;
const textOf = async (key: string): Promise<string> => {
  const object = await env.ARCHIVE.get(key);
  if (object === null) throw new Error(`${key} is not there`);
  return object.text();
};
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

async function append(runId: string, lines: string[]): Promise<void> {
  const answer = await call("POST", `/api/runs/${runId}/events`, {
    as: "operator",
    body: `${lines.join("\n")}\n`,
    headers: { "content-type": "application/x-ndjson" },
  });
  expect(answer.status).toBe(200);
}

/** As the documents say, with the secret of the tests. */
const SIGNER = new Signer("the-secret-of-tests");

const LINES = 3_000;

/** A run of two segments at least and some hot lines, or its archive. */
async function makeRun(isEnded: boolean): Promise<string> {
  const { run_id } = await (await call("POST", "/api/workspaces/default/runs", { as: "operator" })).json<Run>();
  for (let batch = 0; batch < 6; batch += 1) {
    const lines = Array.from({ length: LINES / 6 }, (_, at) => `é ${batch}.${at} ${"x".repeat(800)}`);
    await append(run_id, lines);
  }
  await vi.waitFor(
    async () => expect((await env.ARCHIVE.list({ prefix: `${folderOf(run_id)}segments/` })).objects.length).toBe(2),
    { timeout: 10_000 },
  );
  await append(run_id, ["hot"]);
  if (!isEnded) return run_id;
  await append(run_id, ['{"type":"run.completed","payload":{"status":"succeeded"}}']);
  await vi.waitFor(
    async () => {
      const { objects } = await env.ARCHIVE.list({ prefix: folderOf(run_id) });
      expect(objects.map(({ key }) => key.slice(folderOf(run_id).length))).toEqual([
        "events.ndjson",
        "index.bin",
        "manifest.json",
        "timeline.ndjson",
      ]);
    },
    { timeout: 20_000 },
  );
  return run_id;
}

async function verify(runId: string): Promise<Proof> {
  const answer = await call("POST", `/api/runs/${runId}/verify`, { as: "viewer" });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  return answer.json<Proof>();
}

describe.each([
  ["an open run", false],
  ["an archived run", true],
])("%s", (_what, isEnded) => {
  let runId: string;
  let key: string;
  let stored: string;
  const head = LINES + 3 + (isEnded ? 1 : 0);
  beforeAll(async () => {
    runId = await makeRun(isEnded);
    const { objects } = await env.ARCHIVE.list({ prefix: folderOf(runId) });
    key = objects.map((object) => object.key).find((name) => name.endsWith(".ndjson")) ?? "";
    stored = await textOf(key);
  });
  /** What is found with this in the object's place; then all is put back. */
  const withDamage = async (text: string | null): Promise<Proof> => {
    if (text === null) await env.ARCHIVE.delete(key);
    else await env.ARCHIVE.put(key, text);
    const proof = await verify(runId);
    await env.ARCHIVE.put(key, stored);
    return proof;
  };

  test("[RED10] is complete, with the hash of all its lines", async () => {
    const log = await (await call("GET", `/api/runs/${runId}/events`, { as: "viewer" })).text();
    expect(await verify(runId)).toEqual({
      complete: true,
      events: head,
      sha256: sha256(log),
      gaps: [],
      damaged: [],
      manifest: isEnded ? "valid" : "not_yet",
      signed_by: isEnded ? SIGNER.keyId : null,
    });
  });

  test("[RED10] tells how far it is when that is accepted, and the result last", async () => {
    const answer = await call("POST", `/api/runs/${runId}/verify`, {
      as: "viewer",
      headers: { accept: "application/x-ndjson" },
    });
    expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
    const lines = (await answer.text()).trimEnd().split("\n");
    const steps: Record<string, unknown>[] = lines.map((line) => JSON.parse(line));
    expect(steps.length).toBeGreaterThan(1);
    for (const step of steps.slice(0, -1)) {
      expect(step).toEqual({ op: "progress", events: expect.any(Number), bytes: expect.any(Number) });
    }
    expect(steps.at(-1)).toEqual(await verify(runId));
  });

  test("a flipped byte in a message is found by the hash of its part", async () => {
    const proof = await withDamage(stored.replace("é 0.100 xxx", "é 0.100 xxy"));
    expect(proof).toMatchObject({ complete: false, events: head, gaps: [] });
    expect(proof.damaged).toHaveLength(1);
    expect(proof.damaged[0]?.first).toBe(1);
    expect(proof.damaged[0]?.last).toBeGreaterThan(103);
    expect(proof.damaged[0]?.last).toBeLessThan(head);
  });

  test("a flipped byte in the shape of a line is that line", async () => {
    const proof = await withDamage(stored.replace('{"sequence":103,', '["sequence":103,'));
    expect(proof).toMatchObject({
      complete: false,
      events: head - 1,
      gaps: [],
      damaged: [{ first: 103, last: 103, reason: "unreadable" }],
    });
  });

  test("a missing line is a gap, a doubled one damage", async () => {
    const lines = stored.split("\n");
    expect(await withDamage(lines.toSpliced(102, 1).join("\n"))).toMatchObject({
      complete: false,
      events: head - 1,
      gaps: [{ first: 103, last: 103 }],
      damaged: [],
    });
    expect(await withDamage(lines.toSpliced(102, 0, lines[102] ?? "").join("\n"))).toMatchObject({
      complete: false,
      gaps: [],
      damaged: [{ first: 103, last: 103, reason: "misplaced" }],
    });
  });

  test("a truncated object is damaged where it ends, and a gap from there", async () => {
    const last = stored.trimEnd().split("\n").length;
    const at = stored.indexOf('{"sequence":500,');
    expect(await withDamage(stored.slice(0, at + 50))).toMatchObject({
      complete: false,
      events: head - last + 499,
      damaged: [{ first: 500, last: 500, reason: "unreadable" }],
      gaps: [{ first: 501, last }],
    });
  });

  test("a missing object is a gap", async () => {
    const last = stored.trimEnd().split("\n").length;
    expect(await withDamage(null)).toMatchObject({
      complete: false,
      events: head - last,
      gaps: [{ first: 1, last }],
      damaged: [],
    });
  });
});

test("a manifest that is gone, or is none, vouches for nothing", async () => {
  const runId = await makeRun(true);
  const { events: head } = await verify(runId);
  const manifest = `${folderOf(runId)}manifest.json`;
  const text = await textOf(manifest);
  const faults = [
    { damage: null, is: "missing" },
    { damage: "{", is: "unreadable" },
    { damage: "{}", is: "unreadable" },
    { damage: text.replace('"succeeded"', '"failed"'), is: "edited" },
  ];
  for (const { damage, is } of faults) {
    if (damage === null) await env.ARCHIVE.delete(manifest);
    else await env.ARCHIVE.put(manifest, damage);
    const damaged = [{ first: 1, last: head, reason: "unproved" }];
    expect(await verify(runId)).toMatchObject({
      complete: false,
      events: head,
      damaged,
      manifest: is,
      signed_by: null,
    });
  }
  await env.ARCHIVE.put(manifest, text);
  expect((await verify(runId)).complete).toBe(true);
});

test.each<[string, string, Call, number, string]>([
  ["a stranger", "0194a8e0-0000-7000-8000-000000000000", {}, 401, "UNAUTHENTICATED"],
  ["a run that is not there", "0194a8e0-0000-7000-8000-000000000000", { as: "viewer" }, 404, "RUN_NOT_FOUND"],
  ["no run id", "nope", { as: "viewer" }, 404, "RUN_NOT_FOUND"],
])("%s is refused", async (_what, runId, request, status, code) => {
  const answer = await call("POST", `/api/runs/${runId}/verify`, request);
  expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([status, code]);
});

test("[SIG1] [SIG2] [SIG4] the manifest is handed out byte for byte, and was signed with the key that is told to everybody", async () => {
  const told = await (await call("GET", "/api/signing-key")).json<SigningKey>();
  expect(told).toEqual({ algorithm: "Ed25519", key_id: SIGNER.keyId, public_key: SIGNER.publicKey });
  const runId = await makeRun(true);
  const answer = await call("GET", `/api/runs/${runId}/manifest`, { as: "viewer" });
  expect(answer.headers.get("content-type")).toBe("application/json");
  const file = await answer.text();
  expect(file).toBe(await textOf(`${folderOf(runId)}manifest.json`));
  // As PROTOCOL.md tells a reader to do it.
  const [signed = "", rest = ""] = file.split(',\n "signature": ');
  const { algorithm, key_id, value } = JSON.parse(rest.slice(0, -2));
  expect([algorithm, key_id]).toEqual([told.algorithm, told.key_id]);
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: told.public_key }, format: "jwk" });
  expect(ed25519(null, Buffer.from(signed), key, Buffer.from(value, "base64url"))).toBe(true);
  await env.ARCHIVE.delete(`${folderOf(runId)}manifest.json`);
  expect((await call("GET", `/api/runs/${runId}/manifest`, { as: "viewer" })).status).toBe(410);
});

test("[SIG2] [SIG4] refusals: an open run has no manifest yet, an unknown one none at all, and a server without a secret no key", async () => {
  const { run_id } = await (await call("POST", "/api/workspaces/default/runs", { as: "operator" })).json<Run>();
  const open = await call("GET", `/api/runs/${run_id}/manifest`, { as: "viewer" });
  expect([open.status, (await open.json<Problem>()).code]).toEqual([409, "RUN_OPEN"]);
  const unknown = await call("GET", "/api/runs/0194a8e0-0000-7000-8000-000000000000/manifest", { as: "viewer" });
  expect([unknown.status, (await unknown.json<Problem>()).code]).toEqual([404, "RUN_NOT_FOUND"]);
  const none = await call("GET", "/api/signing-key", { bindings: { RUNCAST_SECRET: undefined } });
  expect([none.status, (await none.json<Problem>()).code]).toEqual([404, "NOT_FOUND"]);
});

test("[SIG4] while the log of an ended run is being archived it has no manifest yet: 404, to ask again", async () => {
  const { run_id } = await (await call("POST", "/api/workspaces/default/runs", { as: "operator" })).json<Run>();
  const ask = () => call("GET", `/api/runs/${run_id}/manifest`, { as: "viewer" });
  // Its lines cannot leave the object for as long as this is there.
  const stub = env.RUNS.getByName(run_id);
  await runInDurableObject(stub, (_object, { storage }) => {
    storage.sql.exec(
      "CREATE TRIGGER held BEFORE DELETE ON batches BEGIN SELECT RAISE(ABORT, 'database or disk is full: SQLITE_FULL'); END",
    );
  });
  await append(run_id, ['{"type":"run.completed","payload":{"status":"succeeded"}}']);
  const early = await ask();
  expect([early.status, (await early.json<Problem>()).code]).toEqual([404, "NOT_FOUND"]);
  await runInDurableObject(stub, (_object, { storage }) => void storage.sql.exec("DROP TRIGGER held"));
  await vi.waitFor(async () => expect((await ask()).status).toBe(200), { timeout: 20_000, interval: 100 });
});

const isIncomplete = async (runId: string): Promise<boolean> =>
  (await (await call("GET", `/api/runs/${runId}`, { as: "viewer" })).json<Run>()).incomplete;

test.each([
  ["an open run", false],
  ["an archived run", true],
])(
  "[DMG2] [INC1] %s is incomplete once a reader or a verification met damage, until a verification finds it whole; its neighbour stays as it is",
  async (_what, isEnded) => {
    const [runId, neighbour] = [await makeRun(isEnded), await makeRun(isEnded)];
    const { objects } = await env.ARCHIVE.list({ prefix: folderOf(runId) });
    const key = objects.map((object) => object.key).find((name) => name.endsWith(".ndjson")) ?? "";
    const stored = await textOf(key);
    const readers: (() => Promise<unknown>)[] = [
      () => verify(runId),
      async () => (await call("GET", `/api/runs/${runId}/events?format=text`, { as: "viewer" })).text(),
      async () =>
        (
          await call("GET", `/api/runs/${runId}/events?limit=1000`, {
            as: "viewer",
            headers: { accept: "application/json" },
          })
        ).text(),
    ];
    for (const read of readers) {
      await env.ARCHIVE.put(key, stored.replace('{"sequence":103,', '["sequence":103,'));
      await read();
      expect(await isIncomplete(runId)).toBe(true);
      const list = await (
        await call("GET", "/api/workspaces/default/runs?limit=200", { as: "viewer" })
      ).json<RunList>();
      const listed = new Map(list.items.map((run) => [run.run_id, run.incomplete]));
      expect([listed.get(runId), listed.get(neighbour)]).toEqual([true, false]);
      await env.ARCHIVE.put(key, stored);
      expect(await verify(runId)).toMatchObject({ complete: true });
      expect(await isIncomplete(runId)).toBe(false);
    }
    expect(await verify(neighbour)).toMatchObject({ complete: true });
  },
);

test("[DMG2] a log that is gone altogether is refused, and its run incomplete", async () => {
  const runId = await makeRun(true);
  await env.ARCHIVE.delete(`${folderOf(runId)}events.ndjson`);
  const answer = await call("GET", `/api/runs/${runId}/events`, { as: "viewer" });
  expect([answer.status, (await answer.json<Problem>()).code]).toEqual([410, "LOG_INCOMPLETE"]);
  expect(await isIncomplete(runId)).toBe(true);
});

test("[DMG1] [INC2] a run whose segment was deleted is archived all the same: viewable, incomplete, and its manifest and its verification say what is gone", async () => {
  const runId = await makeRun(false);
  const { objects } = await env.ARCHIVE.list({ prefix: `${folderOf(runId)}segments/` });
  const gone = objects[0]?.key ?? "";
  const [first = 0, last = 0] = (/(\d+)-(\d+)\.ndjson$/.exec(gone)?.slice(1) ?? []).map(Number);
  await env.ARCHIVE.delete(gone);
  await append(runId, ['{"type":"run.completed","payload":{"status":"succeeded"}}']);
  await vi.waitFor(
    async () => expect((await env.ARCHIVE.list({ prefix: `${folderOf(runId)}segments/` })).objects).toEqual([]),
    { timeout: 20_000 },
  );
  expect(await isIncomplete(runId)).toBe(true);
  const head = LINES + 4;
  expect(await verify(runId)).toMatchObject({
    complete: false,
    events: head - (last - first + 1),
    gaps: [{ first, last }],
    damaged: [],
    manifest: "valid",
  });
  const manifest = await (await call("GET", `/api/runs/${runId}/manifest`, { as: "viewer" })).json<Manifest>();
  expect(manifest).toMatchObject({ events: head, damaged: [{ first, last }] });
  const page = await call("GET", `/api/runs/${runId}/events?limit=1000`, {
    as: "viewer",
    headers: { accept: "application/json" },
  });
  expect(page.headers.get("runcast-damaged")).toBe(`${first}-${last}`);
  const end = await (await call("GET", `/api/runs/${runId}/events?stream=true`, { as: "viewer" })).text();
  expect(end).toContain(`: damaged ${first}-${last}\n`);
  expect(end).toContain(`event: end\ndata: {"status":"succeeded","last_sequence":${head},"sha256":null}`);
});
