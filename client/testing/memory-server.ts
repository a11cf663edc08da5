import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { createRunSchema } from "../../protocol/api.ts";
import { parseAppend } from "../../protocol/append.ts";
import { ERROR_CODES } from "../../protocol/error-code.ts";
import type { ErrorCode } from "../../protocol/error-code.ts";
import { isTerminal } from "../../protocol/event.ts";
import { matchesTypes } from "../../protocol/type-filter.ts";
import { LIVE_SUBPROTOCOL, WORKSPACE_SUBPROTOCOL } from "../../protocol/version.ts";
import { MemoryRun } from "./memory-run.ts";
import { serveWatcher } from "./serve-watcher.ts";

/** What goes wrong with an answer: after the work was done, or before it. */
export type Fault = "none" | "drop_answer" | "close_before" | "delay" | "unavailable" | "busy";

/** As a proxy or a server in trouble answers; `cut`: not at all. */
export type RefusedHere = "cut" | { status: number; retryAfter?: string };

const PUT_ARTIFACT = "PUT /api/runs/:id/artifacts/";

/**
 * A small server that speaks the contract over real HTTP and WebSockets, with faults where a test wants them. For tests of the client:
 * what the real server does is shown elsewhere.
 */
export class MemoryServer {
  readonly runs = new Map<string, MemoryRun>();
  token: string;
  /** Asked for every append. */
  faultOf: (append: number) => Fault = () => "none";
  /** Asked for every request and upgrade, with how many of the same there were before: what is answered in place of the answer. */
  refusalOf: (route: string, before: number) => RefusedHere | null = () => null;
  /** Greets every socket and closes it at once with this code. */
  closesGreeted: number | null = null;
  /** When each route was asked, by `performance.now()`. */
  readonly askedAt = new Map<string, number[]>();
  /** Of an answer with the fault `delay`. */
  delayMs = 20;
  uploads = 0;
  windowBytes = 1024 * 1024;
  appends = 0;
  creates = 0;
  /** As a proxy that knows no WebSockets: the connection breaks at the upgrade. */
  blocksSockets = false;
  acks: number[] = [];
  streams = new Set<ServerResponse>();
  views: string[] = [];
  /** Kept over `down`, so that the same address comes back. */
  port = 0;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  readonly #runByKey = new Map<string, MemoryRun>();

  private constructor(token: string) {
    this.token = token;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((cause: unknown) => response.destroy(new Error(String(cause))));
    });
    this.#server.on("upgrade", (request, socket, head) => {
      if (this.blocksSockets) return void socket.destroy();
      const refusal = this.#refusalOf(routeOf(request, this.url));
      if (refusal === "cut") return void socket.destroy();
      const found = refusal?.status ?? this.#findSocket(request);
      if (typeof found === "number") {
        const retryAfter = refusal?.retryAfter === undefined ? "" : `retry-after: ${refusal.retryAfter}\r\n`;
        socket.end(`HTTP/1.1 ${found} Refused\r\n${retryAfter}content-length: 0\r\nconnection: close\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (opened) => {
        found(opened);
        if (this.closesGreeted !== null) opened.close(this.closesGreeted);
      });
    });
  }

  static async start(port = 0, token = "secret"): Promise<MemoryServer> {
    const server = new MemoryServer(token);
    await server.listen(port);
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get onlyRun(): MemoryRun {
    const [run] = this.runs.values();
    if (run === undefined || this.runs.size !== 1) throw new Error(`there are ${this.runs.size} runs`);
    return run;
  }

  addRun(runId = crypto.randomUUID().replace(/^(.{14})./, "$17")): MemoryRun {
    const run = new MemoryRun(runId, {});
    this.runs.set(runId, run);
    return run;
  }

  async listen(port = this.port): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
    // The only address a TCP server has.
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** As a kill: every connection breaks. The runs stay, and `listen` brings them back. */
  async down(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Ends every socket: with a close code, or without a word. Streams break off. */
  cutWatchers(code?: number): void {
    for (const stream of this.streams) stream.destroy();
    for (const socket of this.#sockets.clients) {
      if (code === undefined) socket.terminate();
      else socket.close(code);
    }
  }

  broadcast(text: string): void {
    for (const socket of this.#sockets.clients) socket.send(text);
  }

  #refusalOf(route: string): RefusedHere | null {
    const asked = this.askedAt.get(route) ?? [];
    this.askedAt.set(route, asked);
    return this.refusalOf(route, asked.push(performance.now()) - 1);
  }

  #findSocket(request: IncomingMessage): number | ((socket: WebSocket) => void) {
    const url = new URL(request.url ?? "/", this.url);
    if (request.headers.authorization !== `Bearer ${this.token}`) return 401;
    if (url.pathname === "/api/workspaces/default/live") {
      if (request.headers["sec-websocket-protocol"] !== WORKSPACE_SUBPROTOCOL) return 400;
      return (socket) => {
        socket.send(`{"op":"hello","workspace_id":"default"}\n`);
        for (const run of this.runs.values()) {
          socket.send(`${JSON.stringify({ op: "run", run: run.describe(this.url) })}\n`);
        }
      };
    }
    const run = this.runs.get(/^\/api\/runs\/([^/]+)\/live$/.exec(url.pathname)?.[1] ?? "");
    if (run === undefined) return 404;
    if (request.headers["sec-websocket-protocol"] !== LIVE_SUBPROTOCOL) return 400;
    return (socket) =>
      serveWatcher(socket, run, url.searchParams, this.windowBytes, (command) => {
        if (command.op === "ack") this.acks.push(command.sequence);
        else this.views.push(JSON.stringify(command));
      });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    const body = await buffer(request);
    if (request.headers.authorization !== `Bearer ${this.token}`) return refuse(response, "UNAUTHENTICATED");
    const route = routeOf(request, this.url);
    const refusal = this.#refusalOf(route);
    if (refusal === "cut") return void request.socket.destroy();
    if (refusal !== null) {
      const retryAfter = refusal.retryAfter === undefined ? {} : { "retry-after": refusal.retryAfter };
      return void response.writeHead(refusal.status, { ...retryAfter, "content-type": "text/html" }).end("<h1>No</h1>");
    }
    if (route === "POST /api/workspaces/default/runs") return this.#create(request, response, body);
    if (route === "GET /api/workspaces/default/runs") {
      const wanted = url.searchParams.getAll("status");
      const items = [...this.runs.values()]
        .filter(({ status }) => wanted.length === 0 || wanted.includes(status))
        .map((run) => run.describe(this.url));
      return send(response, 200, { items, next_cursor: null });
    }
    const run = this.runs.get(url.pathname.split("/")[3] ?? "");
    if (run === undefined) return refuse(response, "RUN_NOT_FOUND");
    if (route.startsWith(PUT_ARTIFACT)) return this.#keepArtifact(request, response, run, route, body);
    switch (route) {
      case "GET /api/runs/:id":
        return send(response, 200, run.describe(this.url));
      case "GET /api/runs/:id/events":
        return request.headers.accept === "application/json"
          ? sendPage(response, run, url.searchParams)
          : this.#stream(response, run, url.searchParams);
      case "POST /api/runs/:id/heartbeat":
        run.heartbeats += 1;
        return run.completion === null ? send(response, 200, { control: run.control }) : refuse(response, "RUN_ENDED");
      case "POST /api/runs/:id/events":
        return this.#append(request, response, run, body);
      default:
        return refuse(response, "NOT_FOUND");
    }
  }

  #keepArtifact(request: IncomingMessage, response: ServerResponse, run: MemoryRun, route: string, body: Buffer): void {
    this.uploads += 1;
    const name = decodeURIComponent(route.slice(PUT_ARTIFACT.length));
    const media_type = String(request.headers["content-type"]);
    const stored = { name, media_type, content: body.toString(), atSequence: run.lastSequence, status: run.status };
    run.artifacts.push(stored);
    const sha256 = createHash("sha256").update(body).digest("hex");
    send(response, 201, { name, bytes: body.length, media_type, sha256, created_at: new Date().toISOString() });
  }

  #stream(response: ServerResponse, run: MemoryRun, query: URLSearchParams): void {
    this.streams.add(response);
    response.writeHead(200, { "content-type": "text/event-stream" }).write("retry: 1000\n\n");
    let position = Number(query.get("after_sequence"));
    const pump = () => {
      for (const { sequence, line } of run.lines.slice(position)) response.write(`id: ${sequence}\ndata: ${line}\n\n`);
      position = run.lastSequence;
      if (!isTerminal(run.status)) return;
      const end = JSON.stringify({ status: run.status, last_sequence: run.lastSequence, sha256: run.sha256 });
      response.end(`event: end\ndata: ${end}\n\n`);
    };
    const stopListening = run.onChange(pump);
    response.on("close", () => {
      stopListening();
      this.streams.delete(response);
    });
    pump();
  }

  #create(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    this.creates += 1;
    const parsed = createRunSchema.safeParse(JSON.parse(body.toString()));
    if (!parsed.success) return refuse(response, "INVALID_BODY");
    const key = String(request.headers["idempotency-key"]);
    const runId = crypto.randomUUID().replace(/^(.{14})./, "$17");
    const run = this.#runByKey.get(key) ?? new MemoryRun(runId, parsed.data);
    this.#runByKey.set(key, run);
    this.runs.set(run.runId, run);
    send(response, 202, run.describe(this.url));
  }

  #append(request: IncomingMessage, response: ServerResponse, run: MemoryRun, body: Buffer): void {
    this.appends += 1;
    const fault = this.faultOf(this.appends);
    if (fault === "close_before") return void request.socket.destroy();
    if (fault === "unavailable") return refuse(response, "STORAGE_UNAVAILABLE");
    if (fault === "busy") {
      response.setHeader("retry-after", "0");
      return refuse(response, "UNFLUSHED_LIMIT");
    }
    const parsed = parseAppend(body, "ndjson", { raw: false });
    if (parsed.kind === "refused") return refuse(response, parsed.refusal.code, parsed.refusal);
    const producer = {
      id: String(request.headers["producer-id"]),
      epoch: Number(request.headers["producer-epoch"]),
      sequence: Number(request.headers["producer-sequence"]),
    };
    const admission = run.append(producer, parsed.drafts, parsed.completes);
    if (admission.kind === "refused") return refuse(response, admission.code, admission);
    if (fault === "drop_answer") return void request.socket.destroy();
    const answer = { ...admission.positions, duplicate: admission.duplicate, control: run.control };
    setTimeout(() => send(response, 200, answer), fault === "delay" ? this.delayMs : 0);
  }
}

function routeOf({ method, url }: IncomingMessage, base: string): string {
  const { pathname } = new URL(url ?? "/", base);
  return `${method} ${pathname.replace(/^\/api\/runs\/[^/]+/, "/api/runs/:id")}`;
}

/** One page of the log. */
function sendPage(response: ServerResponse, run: MemoryRun, query: URLSearchParams): void {
  const after = Number(query.get("after_sequence"));
  const types = query.get("types")?.split(",") ?? null;
  const wanted = run.lines.slice(after).filter(({ type }) => types === null || matchesTypes(types, type));
  const items = wanted.slice(0, Number(query.get("limit") ?? 1_000));
  const next = items.length < wanted.length ? items.at(-1)?.sequence : run.lastSequence;
  send(response, 200, {
    items: items.map(({ line }): unknown => JSON.parse(line)),
    next_after_sequence: next ?? after,
  });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function refuse(
  response: ServerResponse,
  code: ErrorCode,
  more: { detail?: string; line?: number; expected?: number } = {},
): void {
  const { status, title } = ERROR_CODES[code];
  const { detail = title, line, expected } = more;
  send(response, status, { type: "about:blank", title, status, detail, code, request_id: "test", line, expected });
}
