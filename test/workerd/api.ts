import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Contract, type AsyncApi, type OpenApi } from "../support/contract.ts";
import { meet } from "../support/met.ts";
import { SocketTraffic } from "../support/socket-traffic.ts";
import type { Role } from "../../protocol/api.ts";
import { app } from "../../worker/app.ts";
import { sha256Hex } from "../../worker/secrets.ts";

export const ORIGIN = "http://127.0.0.1:8787";

/** The bearer token of a role, good after `seedTokens`. */
export const tokenOf = (role: Role): string => `token-of-the-${role}`;

export async function seedTokens(): Promise<void> {
  for (const role of ["viewer", "operator", "administrator"] as const) {
    await env.DB.prepare("INSERT OR IGNORE INTO tokens (id, name, role, hash) VALUES (?, ?, ?, ?)")
      .bind(role, `the ${role}`, role, await sha256Hex(tokenOf(role)))
      .run();
  }
}

export type Call = {
  as?: Role;
  headers?: Record<string, string>;
  json?: unknown;
  body?: string | Uint8Array;
  /** What the platform gives instead of what it should: a binding that fails, another setting, or none. */
  bindings?: Record<string, unknown>;
};

/** One request to the application, with the real bindings. `as` is a bearer token's role; without it nobody asks. */
export async function call(
  method: string,
  path: string,
  { as, headers = {}, json, body, bindings = {} }: Call = {},
): Promise<Response> {
  const request = new Request(ORIGIN + path, {
    method,
    headers: {
      ...(as === undefined ? {} : { authorization: `Bearer ${tokenOf(as)}` }),
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(json === undefined ? (body === undefined ? {} : { body }) : { body: JSON.stringify(json) }),
  });
  const answer = await app.fetch(request, Object.assign({ ...env }, bindings), createExecutionContext());
  await expectDocumented(method, path, answer);
  heed(answer, path);
  return answer;
}

let contract: Promise<Contract> | null = null;
const knownContract = (): Promise<Contract> => (contract ??= loadContract());

/** Every answer is held against the documents that the application itself publishes. */
async function expectDocumented(method: string, path: string, answer: Response): Promise<void> {
  const isJson = /[/+]json$/.test(answer.headers.get("content-type") ?? "");
  // A stream is not waited for; a test that reads it sees what is in it.
  const text = isJson ? await answer.clone().text() : null;
  const fault = (await knownContract()).faultOf({ method, path, status: answer.status, headers: answer.headers, text });
  if (fault !== null) throw new Error(fault);
}

async function loadContract(): Promise<Contract> {
  const [openapi, asyncapi] = await Promise.all([
    documentAt<OpenApi>("/api/openapi.json"),
    documentAt<AsyncApi>("/api/asyncapi.json"),
  ]);
  return new Contract(openapi, asyncapi, meet);
}

const documentAt = async <Document>(path: string): Promise<Document> =>
  (await app.fetch(new Request(ORIGIN + path), env, createExecutionContext())).json();

/** The value of the session cookie that signing in gives, as the Cookie header has it. */
export async function signIn(role: Role, name?: string): Promise<string> {
  const answer = await call("POST", "/api/session", {
    json: { token: tokenOf(role), ...(name === undefined ? {} : { name }) },
  });
  if (answer.status !== 204) throw new Error(`signing in was answered ${answer.status}`);
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

const heeded = new WeakSet<WebSocket>();

/** Holds what the server says on a socket, and how it closes it, against the documents. */
function heed({ webSocket }: Response, path: string): void {
  if (webSocket === null) return;
  const traffic = new SocketTraffic(knownContract(), path);
  webSocket.addEventListener("message", ({ data }) => traffic.says(data));
  webSocket.addEventListener("close", ({ code }) => traffic.closes(code));
  heeded.add(webSocket);
}

/** An open socket and what it has heard. */
export type Heard = {
  socket: WebSocket;
  frames: Record<string, unknown>[];
  closed: Promise<{ code: number; reason: string }>;
};

/** `path` is for an answer that an object gave, past the application. */
export function listen(answer: Response, path?: string): Heard {
  const socket = answer.webSocket;
  if (!socket) throw new Error(`no socket: ${answer.status}`);
  if (path !== undefined) heed(answer, path);
  if (!heeded.has(socket)) throw new Error("say whose socket this is: its frames are held against the contract");
  const frames: Record<string, unknown>[] = [];
  socket.addEventListener("message", ({ data }) => {
    for (const line of String(data).split("\n")) if (line.startsWith("{")) frames.push(JSON.parse(line));
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  socket.accept();
  return { socket, frames, closed };
}
