import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { Artifact, ArtifactList, Run } from "../protocol/api.ts";
import { call, seedTokens, type Call } from "../test/workerd/api.ts";
import { LIMITS } from "../protocol/limits.ts";
import { archiveRun, createRun } from "../test/workerd/runs.ts";

beforeAll(seedTokens);

const get = async (runId: string): Promise<Run> =>
  (await call("GET", `/api/runs/${runId}`, { as: "viewer" })).json<Run>();
const pathOf = (runId: string, name: string): string => `/api/runs/${runId}/artifacts/${encodeURIComponent(name)}`;
const put = (
  runId: string,
  name: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
  as: Call["as"] = "operator",
) => call("PUT", pathOf(runId, name), { as, body, headers: { "content-type": "text/plain", ...headers } });
const read = (runId: string, name: string, headers: Record<string, string> = {}, query = "") =>
  call("GET", `${pathOf(runId, name)}${query}`, { as: "viewer", headers });
const list = async (runId: string): Promise<Artifact[]> => {
  const answer = await call("GET", `/api/runs/${runId}/artifacts`, { as: "viewer" });
  expect(answer.status).toBe(200);
  return (await answer.json<ArtifactList>()).items;
};
const code = async (answer: Response): Promise<[number, string]> => [
  answer.status,
  (await answer.json<{ code: string }>()).code,
];
describe("an artifact", () => {
  test("[ART3] of a run that has as many as it may: 409, while the same again is still answered", async () => {
    const id = (await createRun()).run_id;
    await put(id, "first", "bytes");
    await env.DB.prepare(
      `INSERT INTO artifacts (run_id, name, bytes, media_type, sha256, created_at, upload_id, claimed_at_ms)
       WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) SELECT ?1, 'n' || i, 1, 'a/b', 'x', 't', NULL, 0 FROM n`,
    )
      .bind(id, LIMITS.artifactsPerRun)
      .run();
    expect(await code(await put(id, "one more", "bytes"))).toEqual([409, "ARTIFACT_LIMIT"]);
    expect((await put(id, "first", "bytes")).status).toBe(200);
    expect(await list(id)).toHaveLength(LIMITS.artifactsPerRun);
  });

  test("[ART5] [ART6] of an open run: uploaded, listed, read, in the log once, in the paths of the run and of its end", async () => {
    const id = (await createRun()).run_id;
    const made = await put(id, "report.txt", "twelve bytes");
    expect(made.status).toBe(201);
    const artifact = await made.json<Artifact>();
    expect(artifact).toMatchObject({
      name: "report.txt",
      bytes: 12,
      media_type: "text/plain",
      sha256: "d4ce2c527afe674c7a086bd74e256019e3d5dcdb31eeb6eaadef5ada8c4383b9",
    });
    const again = await put(id, "report.txt", "twelve bytes", { "content-type": "image/png" });
    expect([again.status, await again.json()]).toEqual([200, artifact]);
    expect(await code(await put(id, "report.txt", "other bytes!"))).toEqual([409, "ARTIFACT_DIFFERS"]);
    expect(await list(id)).toEqual([artifact]);
    expect(await (await read(id, "report.txt")).text()).toBe("twelve bytes");
    const path = `workspaces/default/runs/${id}/artifacts/report.txt`;
    expect((await get(id)).output_paths).toEqual([path]);
    expect(await env.ARCHIVE.head(path)).not.toBeNull();
    await archiveRun(id);
    const log = await (await env.ARCHIVE.get(`workspaces/default/runs/${id}/logs/events.ndjson`))?.text();
    const events = (log ?? "")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { created_at: _at, ...payload } = artifact;
    expect(events.filter(({ type }) => type === "artifact.created").map((event) => event.payload)).toEqual([payload]);
    expect(events.at(-1).payload.artifacts.output_paths).toEqual([path]);
    expect((await get(id)).output_paths).toEqual([path]);
    const summary = await (
      await call("GET", `/api/runs/${id}/summary`, { as: "viewer" })
    ).json<{ artifacts: unknown }>();
    expect(summary.artifacts).toEqual({ items: [payload], more: 0 });
  });

  test("[ART4] [ART5] of an ended run: listed and read, in its paths, and the log stays", async () => {
    const id = (await createRun()).run_id;
    await archiveRun(id);
    const before = await get(id);
    expect((await put(id, "late.txt", "late")).status).toBe(201);
    expect((await put(id, "late.txt", "late")).status).toBe(200);
    expect(await list(id)).toHaveLength(1);
    expect(await (await read(id, "late.txt")).text()).toBe("late");
    expect(await get(id)).toEqual({ ...before, output_paths: [`workspaces/default/runs/${id}/artifacts/late.txt`] });
    await env.ARCHIVE.delete(`workspaces/default/runs/${id}/artifacts/late.txt`);
    expect(await code(await read(id, "late.txt"))).toEqual([410, "ARTIFACT_MISSING"]);
    expect((await call("HEAD", pathOf(id, "late.txt"), { as: "viewer" })).status).toBe(410);
    expect((await put(id, "late.txt", "late")).status).toBe(201);
    expect(await (await read(id, "late.txt")).text()).toBe("late");
  });

  test.each([
    "a b.txt",
    "%41%.txt",
    "..hidden",
    "é\u{1F680}",
    "a+b&c=d?e#f",
    "a\\b",
    '"quoted"\'',
    "x".repeat(200),
    "__proto__",
    "'); DROP TABLE artifacts; --",
  ])("[ART3] the name %j comes back as it was", async (name) => {
    const id = (await createRun()).run_id;
    expect(await (await put(id, name, name)).json()).toMatchObject({ name });
    expect((await list(id)).map((each) => each.name)).toEqual([name]);
    const answer = await read(id, name);
    expect(await answer.text()).toBe(name);
    expect(answer.headers.get("content-disposition")).toMatch(
      /^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''[!-~]+$/,
    );
    expect((await get(id)).output_paths).toEqual([`workspaces/default/runs/${id}/artifacts/${name}`]);
  });

  test.each(["a%2Fb", "%00", "a%0Ab", "%7F", "%C2%85", "%FF", "%zz", "x".repeat(201)])(
    "[ART3] the name %s is refused, and there is none of that name",
    async (name) => {
      const id = (await createRun()).run_id;
      const path = `/api/runs/${id}/artifacts/${name}`;
      expect(await code(await call("PUT", path, { as: "operator", body: "x" }))).toEqual([422, "INVALID_BODY"]);
      expect(await code(await call("GET", path, { as: "viewer" }))).toEqual([404, "ARTIFACT_NOT_FOUND"]);
      expect(await list(id)).toEqual([]);
    },
  );

  test("[ART7] it may run nothing, whatever it is; pictures and text are shown in place when asked", async () => {
    const id = (await createRun()).run_id;
    const types = ["text/html", "image/svg+xml", "text/plain; charset=utf-8", "image/png", "application/javascript"];
    for (const [n, type] of types.entries()) {
      await put(id, `f${n}`, "<script>alert(1)</script>", { "content-type": type });
      const answer = await read(id, `f${n}`, {}, "?inline=true");
      expect(answer.headers.get("content-type")).toBe(type);
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("content-security-policy")).toBe("sandbox; default-src 'none'");
      const shown = n === 2 || n === 3 ? "inline" : "attachment";
      expect(answer.headers.get("content-disposition")).toMatch(new RegExp(`^${shown};`));
      expect((await read(id, `f${n}`)).headers.get("content-disposition")).toMatch(/^attachment;/);
    }
    const plain = await call("PUT", pathOf(id, "bare"), { as: "operator", body: new Uint8Array([1]) });
    expect(await plain.json()).toMatchObject({ media_type: "application/octet-stream" });
    expect(await code(await put(id, "bad", "x", { "content-type": "nonsense" }))).toEqual([400, "INVALID_QUERY"]);
    expect(await code(await read(id, "f0", {}, "?inline=yes"))).toEqual([400, "INVALID_QUERY"]);
  });

  test("[ART7] byte ranges, tags and HEAD", async () => {
    const id = (await createRun()).run_id;
    const { sha256 } = await (await put(id, "n", "0123456789")).json<Artifact>();
    const etag = `"${sha256}"`;
    const whole = await read(id, "n");
    expect([whole.status, whole.headers.get("etag"), whole.headers.get("accept-ranges")]).toEqual([200, etag, "bytes"]);
    for (const [range, text, contentRange] of [
      ["bytes=2-4", "234", "bytes 2-4/10"],
      ["bytes=7-", "789", "bytes 7-9/10"],
      ["bytes=-3", "789", "bytes 7-9/10"],
      ["bytes=0-99", "0123456789", "bytes 0-9/10"],
    ] as const) {
      const part = await read(id, "n", { range });
      expect([part.status, await part.text(), part.headers.get("content-range")]).toEqual([206, text, contentRange]);
    }
    const outside = await read(id, "n", { range: "bytes=10-" });
    expect(outside.headers.get("content-range")).toBe("bytes */10");
    expect(await code(outside)).toEqual([416, "RANGE_NOT_SATISFIABLE"]);
    expect((await read(id, "n", { "if-none-match": `"x", ${etag}` })).status).toBe(304);
    expect((await read(id, "n", { range: "bytes=0-1", "if-range": '"x"' })).status).toBe(200);
    expect((await read(id, "n", { range: "bytes=0-1", "if-range": etag })).status).toBe(206);
    const head = await call("HEAD", pathOf(id, "n"), { as: "viewer" });
    expect([head.status, await head.text(), head.headers.get("content-length"), head.headers.get("etag")]).toEqual([
      200,
      "",
      "10",
      etag,
    ]);

    await put(id, "empty", "");
    const empty = await read(id, "empty");
    expect([empty.status, await empty.text(), empty.headers.get("content-length")]).toEqual([200, "", "0"]);
    expect((await read(id, "empty", { range: "bytes=0-" })).status).toBe(416);
  });

  test("refused: no run, no artifact, a viewer", async () => {
    const id = (await createRun()).run_id;
    const none = "0194a8e0-0000-7000-8000-000000000000";
    expect(await code(await put(none, "a", "x"))).toEqual([404, "RUN_NOT_FOUND"]);
    expect(await code(await read(none, "a"))).toEqual([404, "RUN_NOT_FOUND"]);
    expect(await code(await call("GET", `/api/runs/${none}/artifacts`, { as: "viewer" }))).toEqual([
      404,
      "RUN_NOT_FOUND",
    ]);
    expect(await code(await read(id, "a"))).toEqual([404, "ARTIFACT_NOT_FOUND"]);
    expect(await code(await put(id, "a", "x", {}, "viewer"))).toEqual([403, "FORBIDDEN"]);
    expect(await list(id)).toEqual([]);
  });
});
