import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, expect, test, vi, type MockInstance } from "vitest";
import type { Problem } from "../protocol/api.ts";
import { call, listen, ORIGIN, seedTokens, tokenOf, type Call } from "../test/workerd/api.ts";
import { createRun } from "../test/workerd/runs.ts";
import { ACCESS, type AccessRule } from "./access.ts";

/** What any route answers when something is wrong with the server or with the address it is asked at, whatever the route is for. */

let runId: string;
beforeAll(async () => {
  await seedTokens();
  runId = (await createRun()).run_id;
  await call("PUT", `/api/runs/${runId}/artifacts/file`, { as: "operator", body: "the file" });
});

let log: MockInstance<typeof console.error>;
beforeEach(() => {
  log = vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => log.mockRestore());

type Route = Pick<AccessRule, "method" | "path" | "caller">;
const ROUTES: Route[] = ACCESS.map(({ method, path, caller }) => ({ method, path, caller }));
/** The only one that is no row: it is open, and its answer is a file of the pages. */
const SCRIPT: Route = { method: "GET", path: "/runcast.mjs", caller: "open" };
/** These tell nothing that is stored. `POST /api/session` is open too, and looks for the token. */
const asksStorage = ({ method, path, caller }: Route): boolean =>
  caller !== "open" || `${method} ${path}` === "POST /api/session";
const isSocket = (path: string): boolean => /\/(live|produce)$/.test(path);

/** A request that the route would take. */
function ask({ method, path }: Route, more: Call, of?: string): Promise<Response> {
  const address = path
    .replace(":ws", of ?? "default")
    .replace(":id", of ?? runId)
    .replace(":name", "file")
    .replace("/produce", "/produce?producer_id=p&producer_epoch=0");
  const json =
    path === "/api/session" && method === "POST"
      ? { json: { token: tokenOf("viewer") } }
      : ["POST", "PUT", "PATCH"].includes(method)
        ? { json: {} }
        : {};
  const headers = { ...(isSocket(path) ? { upgrade: "websocket" } : {}), ...more.headers };
  return call(method, address, { ...json, ...more, headers });
}

async function expectProblem(answer: Response, status: number, code: string): Promise<Problem> {
  const body = await answer.json<Problem>();
  expect([answer.status, body.code, body.status]).toEqual([status, code, status]);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(body.request_id).toBe(answer.headers.get("x-request-id"));
  return body;
}

test.each([...ROUTES, SCRIPT])("$method $path at a host name that is not this server's: 421", async (route) => {
  const as = "administrator";
  await expectProblem(await ask(route, { as, bindings: { ALLOWED_HOSTS: "elsewhere.example" } }), 421, "HOST_REFUSED");
  expect(log).not.toHaveBeenCalled();
});

test.each([...ROUTES, SCRIPT])(
  "$method $path when the server itself is wrong: 500, and only the log says what it was",
  async (route) => {
    // As it is of a Worker that was deployed without one of its variables.
    const answer = await ask(route, { as: "administrator", bindings: { ALLOWED_HOSTS: undefined } });
    const body = await expectProblem(answer, 500, "INTERNAL");
    expect(body.detail).toContain("the log has it under this request id");
    const [line] = log.mock.calls.map(([text]): Record<string, unknown> => JSON.parse(String(text)));
    expect(line).toMatchObject({ request_id: body.request_id, error: expect.stringContaining("split") });
  },
);

const d1Down = new Error("D1_ERROR: Network connection lost.");
const objectsDown = Object.assign(new Error("Network connection lost."), { retryable: true });
/** The same, but these of its methods fail. */
const failing = <Binding extends object>(binding: Binding, error: Error, ...methods: string[]): Binding =>
  new Proxy(binding, {
    get(target, name) {
      if (methods.includes(String(name)))
        return () => {
          throw error;
        };
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
const noStorage = (): Call["bindings"] => ({
  DB: failing(env.DB, d1Down, "prepare", "batch"),
  RUNS: failing(env.RUNS, objectsDown, "getByName"),
  WORKSPACES: failing(env.WORKSPACES, objectsDown, "getByName"),
});

test.each(ROUTES.filter(asksStorage))(
  "$method $path while the storage cannot be reached: 503, to come again",
  async (route) => {
    // Of somebody who is not known from before, so that who asks must be looked up: never 401, which would sign a browser out.
    const unknown = await ask(route, { headers: { authorization: "Bearer never-seen" }, bindings: noStorage() });
    await expectProblem(unknown, 503, "STORAGE_UNAVAILABLE");
    expect(unknown.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);

    // Who asks about oneself is answered from what is known already; all else is asked for.
    if (route.path === "/api/session" && route.method !== "POST") return;
    await call("GET", "/api/session", { as: "administrator" });
    const known = await ask(route, { as: "administrator", bindings: noStorage() });
    await expectProblem(known, 503, "STORAGE_UNAVAILABLE");
    expect(known.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(log.mock.calls.length).toBeGreaterThan(0);
  },
);

test.each([...ROUTES.filter((route) => !asksStorage(route)), SCRIPT])(
  "$method $path asks nothing of the storage: it answers while that cannot be reached",
  async (route) => {
    expect((await ask(route, { bindings: noStorage() })).status).not.toBe(503);
    expect(log).not.toHaveBeenCalled();
  },
);

const ELSEWHERE = "https://elsewhere.example";
const SESSION_WRITES = ROUTES.filter(({ method, path }) => method !== "GET" && !isSocket(path));

test.each(SESSION_WRITES)(
  "$method $path from a page of another origin, with the cookie of who may: 403",
  async (route) => {
    const signedIn = await call("POST", "/api/session", { json: { token: tokenOf("administrator") } });
    const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
    await expectProblem(await ask(route, { headers: { cookie, origin: ELSEWHERE } }), 403, "ORIGIN_REFUSED");
    // It did nothing: the session is still there, and so is the run.
    expect((await call("GET", `/api/runs/${runId}`, { headers: { cookie, origin: ORIGIN } })).status).toBe(200);
  },
);

/** A browser cannot read the status of a socket that is refused, only how it is closed. What a program is told: `socket-surface.test.ts`. */
const page = { origin: ORIGIN };
const ADMINISTRATOR: Call = { as: "administrator", headers: page };
const REFUSED_TO_A_PAGE: [what: string, code: number, more: Call, runId?: string][] = [
  ["of nobody", 4401, { headers: page }],
  ["of another origin", 4403, { as: "administrator", headers: { origin: ELSEWHERE } }],
  [
    "that wants another subprotocol",
    4400,
    { as: "administrator", headers: { ...page, "sec-websocket-protocol": "x" } },
  ],
  ["of something that is not there", 4404, ADMINISTRATOR, "no-run"],
  ["while the storage cannot be reached", 1012, { ...ADMINISTRATOR, bindings: noStorage() }],
];
const SOCKETS = ROUTES.filter(({ path }) => isSocket(path));

test.each(
  SOCKETS.flatMap((route) => REFUSED_TO_A_PAGE.map(([what, code, more, of]) => ({ route, what, code, more, of }))),
)("$route.path to a page $what: closed $code", async ({ route, code, more, of }) => {
  await call("GET", "/api/session", { as: "administrator" });
  expect((await listen(await ask(route, more, of)).closed).code).toBe(code);
});
