import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { runIdSchema } from "../../protocol/event.ts";
import { Api, consoleLine } from "../support/api.ts";
import { removeServers, ROOT, startServer, type ServerProcess } from "../support/server-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const at = z.iso.datetime();
/** As docs/observability.md has them; a field more or less is an error. */
const requestLine = z.strictObject({
  at,
  level: z.literal("info"),
  event: z.literal("request"),
  request_id: z.uuid(),
  method: z.string(),
  route: z.string().nullable(),
  status: z.int(),
  duration_ms: z.number(),
  principal: z.string().nullable(),
  role: z.string().nullable(),
  run_id: runIdSchema.nullable(),
  code: z.string().nullable(),
});
const archivedLine = z.strictObject({
  at,
  level: z.literal("info"),
  event: z.literal("archived"),
  run_id: runIdSchema,
  workspace_id: z.literal("default"),
  segments: z.int().min(1),
  events: z.int().min(1),
  bytes: z.int().min(1),
  duration_ms: z.int().min(0),
});

let server: ServerProcess;
let api: Api;
beforeAll(async () => {
  server = await startServer({ environment: { RUNCAST_LOG: "json" } });
  api = new Api(server.url, server.token);
});
afterAll(removeServers);

const logged = (): Record<string, unknown>[] =>
  server
    .output()
    .stderr.split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));

/** The line of the request that was answered so. */
async function requestOf(answer: { headers: Headers }): Promise<z.infer<typeof requestLine>> {
  const isOf = (line: Record<string, unknown>): boolean =>
    line["event"] === "request" && line["request_id"] === answer.headers.get("x-request-id");
  await waitUntil("it is in the log", () => logged().some(isOf));
  const lines = logged().filter(isOf);
  expect(lines.length).toBe(1);
  return requestLine.parse(lines[0]);
}

const partsOf = (answer: { headers: Headers }): string[] =>
  (answer.headers.get("server-timing") ?? "").split(", ").map((part) => {
    expect(part).toMatch(/^\w+;dur=\d+\.\d$/);
    return part.split(";")[0] ?? "";
  });

describe("the server's log and timings", () => {
  test("each request is one line: who, what, how it went, and nothing that is secret", async () => {
    const created = await api.ask("POST", "/api/workspaces/default/runs", { body: {} });
    const { run_id } = created.json<{ run_id: string }>();
    expect(await requestOf(created)).toMatchObject({
      method: "POST",
      route: "/api/workspaces/:ws/runs",
      status: 202,
      role: "administrator",
      run_id,
      code: null,
    });
    await api.complete(run_id);
    const refused = await api.append(run_id, JSON.stringify(consoleLine("late")));
    expect(await requestOf(refused)).toMatchObject({
      route: "/api/runs/:id/events",
      status: 409,
      run_id,
      code: "RUN_ENDED",
    });

    const stranger = await api.ask("GET", `/api/runs/${run_id}?token=secret-in-the-query`, {
      token: "secret-in-the-header",
      headers: { cookie: "runcast_session_x=secret-in-the-cookie" },
    });
    expect(await requestOf(stranger)).toMatchObject({
      route: "/api/runs/:id",
      status: 401,
      principal: null,
      role: null,
      code: "UNAUTHENTICATED",
    });
    const nowhere = await api.ask("GET", "/api/secret-in-the-path\u009b%0a");
    expect(await requestOf(nowhere)).toMatchObject({ route: null, status: 404, run_id: null, code: "NOT_FOUND" });
    const signedIn = await api.ask("POST", "/api/session", { body: { token: server.token }, token: null });
    expect(await requestOf(signedIn)).toMatchObject({ status: 204, code: null });

    const cookie = (signedIn.headers.get("set-cookie") ?? "").split(";")[0]?.split("=")[1] ?? "no cookie";
    const { stderr } = server.output();
    for (const secret of [server.token, server.viewToken, cookie, "secret-in-"]) expect(stderr).not.toContain(secret);
  });

  test("an archived run is one line, with what it holds", async () => {
    const { run_id } = await api.createRun();
    await api.add(run_id, [consoleLine("one")]);
    await api.complete(run_id);
    const isOf = (line: Record<string, unknown>): boolean => line["event"] === "archived" && line["run_id"] === run_id;
    await waitUntil("it is in the log", () => logged().some(isOf));
    const archived = archivedLine.parse(logged().find(isOf));
    expect(archived).toMatchObject({ segments: 1, events: 4, bytes: Buffer.byteLength((await api.read(run_id)).text) });
  });

  test("Server-Timing names what an answer waited for, and to a stranger only how long it took", async () => {
    const { run_id } = await api.createRun();
    expect(partsOf(await api.ask("GET", `/api/runs/${run_id}`))).toEqual(["auth", "d1", "object", "total"]);
    expect(partsOf(await api.append(run_id, "one"))).toEqual(["auth", "object", "total"]);
    await api.complete(run_id);
    await waitUntil("it is archived", async () => partsOf(await api.read(run_id)).join() === "auth,d1,r2,total");
    expect(partsOf(await api.ask("GET", `/api/runs/${run_id}`, { token: "nobody's" }))).toEqual(["total"]);
  });

  test("every line and field is in the documentation", () => {
    const documentation = readFileSync(join(ROOT, "docs/observability.md"), "utf8");
    for (const line of logged()) {
      expect(documentation).toContain(`\`${String(line["event"])}\``);
      for (const name of Object.keys(line)) expect(documentation).toContain(`\`${name}\``);
    }
    expect(logged().length).toBeGreaterThan(10);
  });
});
