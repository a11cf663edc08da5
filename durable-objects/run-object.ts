import { DurableObject } from "cloudflare:workers";
import { principalSchema, type Artifact } from "../protocol/api.ts";
import { ERROR_CODES } from "../protocol/error-code.ts";
import { PING, PONG } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import { parseLiveQuery, parseProduceQuery } from "../protocol/read-query.ts";
import { LIVE_SUBPROTOCOL, PRODUCE_SUBPROTOCOL } from "../protocol/version.ts";
import { readWatcherFrame } from "../protocol/watcher-frame.ts";
import type { ArchivedRun } from "../core/run/archived-log.ts";
import { appendToArchived } from "../core/run/append-to-archived.ts";
import type {
  AppendOutcome,
  CancelCommand,
  CancelOutcome,
  CreateCommand,
  CreateOutcome,
  DescribeOutcome,
  EditCommand,
  EditOutcome,
  EraseOutcome,
  HeartbeatOutcome,
  JudgeOutcome,
  NoteArtifactOutcome,
  SummaryOutcome,
  TailOutcome,
} from "../core/run/commands.ts";
import { newWatcher } from "../core/run/flow-control.ts";
import type { Watcher } from "../core/ports.ts";
import { Run } from "../core/run/run.ts";
import { hasExpired, SESSION_EXPIRED } from "../core/run/sessions.ts";
import { D1RunIndex } from "../storage/d1-run-index.ts";
import { R2Archive } from "../storage/r2-archive.ts";
import { R2LogReader } from "../storage/r2-log-reader.ts";
import { logInfo, logWarning } from "../storage/server-log.ts";
import { signingKeyOf } from "../storage/signing-key.ts";
import { SqliteEventLog } from "../storage/sqlite-event-log.ts";
import { ARCHIVED_IN_HEADER, PRINCIPAL_HEADER, type Env } from "../worker/env.ts";
import { cleanCloseCode } from "./close-code.ts";
import { HibernatingProducers, type HibernatingProducer } from "./hibernating-producers.ts";
import { HibernatingWatchers } from "./hibernating-watchers.ts";
import { expiryOf, openPair, refuse, switchProtocols } from "./object-sockets.ts";
import { unpackAppend, type PackedAppend } from "../core/run/packed-append.ts";
import { answerFrame, readProducerFrame } from "./producer-frame.ts";

/** One run, as Cloudflare sees it. Wires ports to `Run` and decides nothing. */
export class RunObject extends DurableObject<Env> {
  readonly #watchers = new HibernatingWatchers(this.ctx);
  readonly #producers = new HibernatingProducers(this.ctx);
  /** When the last frame of a produce socket is answered. */
  readonly #turns = new WeakMap<WebSocket, Promise<void>>();
  readonly #run = new Run({
    log: new SqliteEventLog(this.ctx.storage),
    archive: new R2Archive(this.env.ARCHIVE),
    index: new D1RunIndex(this.env.DB),
    feed: {
      publish: async (run, revision, load) => {
        await this.env.WORKSPACES.getByName(run.workspace_id).publish(run, revision, load);
      },
    },
    watchers: this.#watchers,
    producers: this.#producers,
    clock: { now: () => Date.now(), newId: () => crypto.randomUUID() },
    timer: {
      after: (delayMs, run) => {
        const timeout = setTimeout(run, delayMs);
        return () => clearTimeout(timeout);
      },
    },
    alarm: { set: (at) => void (at === null ? this.ctx.storage.deleteAlarm() : this.ctx.storage.setAlarm(at)) },
    sha256: async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)),
    sign: async (text) => {
      const { RUNCAST_SECRET: secret } = this.env;
      return secret ? (await signingKeyOf(secret)).sign(text) : null;
    },
    report: (event, facts) => {
      const fields = { run_id: this.ctx.id.name ?? null, ...facts };
      if (event === "archived") logInfo(this.env, event, fields);
      else logWarning(event, fields);
    },
  });

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
  }

  /** The run is in D1 and in the workspace's list when this resolves; throws when D1 cannot be written. */
  async create(command: CreateCommand): Promise<CreateOutcome> {
    const outcome = this.#run.create(command);
    await this.#run.indexed();
    return outcome;
  }

  async append(packed: PackedAppend): Promise<AppendOutcome> {
    const outcome = this.#run.append(unpackAppend(packed));
    await this.#run.settle();
    return outcome;
  }

  describe(): DescribeOutcome {
    return this.#run.describe();
  }

  /** Somebody read its stored lines. */
  async judge(isIncomplete: boolean): Promise<JudgeOutcome> {
    const outcome = this.#run.judge(isIncomplete);
    await this.#run.settle();
    return outcome;
  }

  summary(): SummaryOutcome {
    return this.#run.summary();
  }

  async heartbeat(): Promise<HeartbeatOutcome> {
    const outcome = this.#run.heartbeat();
    await this.#run.settle();
    return outcome;
  }

  async cancel(command: CancelCommand): Promise<CancelOutcome> {
    const outcome = this.#run.cancel(command);
    await this.#run.settle();
    return outcome;
  }

  async noteArtifact(artifact: Artifact): Promise<NoteArtifactOutcome> {
    const outcome = this.#run.noteArtifact(artifact);
    await this.#run.settle();
    return outcome;
  }

  async edit(command: EditCommand): Promise<EditOutcome> {
    const outcome = this.#run.edit(command);
    await this.#run.settle();
    return outcome;
  }

  /** Not `tail`: the platform has a handler of that name. */
  logTail(afterSequence: number): TailOutcome {
    return this.#run.tail(afterSequence);
  }

  erase(): Promise<EraseOutcome> {
    return this.#run.erase();
  }

  /** The sockets: `/live` and `/produce`. A run that is not here is 404, and the Worker asks elsewhere. */
  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const isHere = this.#run.describe().kind === "run";
    if (url.pathname.endsWith("/produce")) return isHere ? this.#produce(request, url) : refuse(NO_RUN);
    if (isHere) return this.#watch(request, url, null);
    const workspaceId = request.headers.get(ARCHIVED_IN_HEADER);
    if (workspaceId === null) return refuse(NO_RUN);
    const archived = await this.#run.audience.archivedRun({ workspaceId, runId: this.ctx.id.name ?? "" });
    return archived === null ? refuse(NO_RUN) : this.#watch(request, url, archived);
  }

  #watch(request: Request, url: URL, archived: ArchivedRun | null): Response {
    const query = parseLiveQuery(url.searchParams);
    if (query.kind === "refused") return refuse(query.refusal);
    if (this.#watchers.all().length >= LIMITS.watchersPerRun) {
      return refuse({ code: "TOO_MANY_WATCHERS", detail: `this run has ${LIMITS.watchersPerRun} watchers already` });
    }
    const principal = principalSchema.parse(
      JSON.parse(decodeURIComponent(request.headers.get(PRINCIPAL_HEADER) ?? "")),
    );
    const { client, server } = openPair();
    const state = newWatcher(crypto.randomUUID(), principal, query.value, expiryOf(request), archived);
    this.#run.welcome(this.#watchers.accept(server, state));
    return switchProtocols(client, subprotocolOf(request, LIVE_SUBPROTOCOL));
  }

  #produce(request: Request, url: URL): Response {
    const query = parseProduceQuery(url.searchParams);
    if (query.kind === "refused") return refuse(query.refusal);
    const hello = this.#run.greetProducer(query.value.id, query.value.epoch);
    if (hello.kind === "refused") return refuse(hello.refusal);
    const { client, server } = openPair();
    const { workspaceId } = hello;
    const who = { ...query.value, workspaceId, heardAt: Date.now(), expiresAt: expiryOf(request) };
    const producer = this.#producers.accept(server, who);
    for (const frame of hello.frames) producer.send(frame);
    this.#run.producerCame();
    return switchProtocols(client, subprotocolOf(request, PRODUCE_SUBPROTOCOL));
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    if (message === PING) return socket.send(PONG);
    const producer = this.#producers.find(socket);
    if (producer !== null) return this.#inTurn(socket, () => this.#takeBatch(producer, message));
    const watcher = this.#watchers.find(socket);
    if (watcher !== null) this.#hear(watcher, message);
  }

  /** The frames of one socket one after the other: what closes it must not overtake the answer to a batch that is stored. [SOC6] */
  #inTurn(socket: WebSocket, take: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(socket) ?? Promise.resolve()).then(take);
    const over = (): void => {};
    this.#turns.set(socket, turn.then(over, over));
    return turn;
  }

  async #takeBatch(producer: HibernatingProducer, message: string | ArrayBuffer): Promise<void> {
    // A frame behind the one that closed it is not heard: nobody could be told of it.
    if (!producer.isOpen) return;
    const { state } = producer;
    if (hasExpired(state, Date.now())) return producer.close(CLOSE_EXPIRED, SESSION_EXPIRED);
    if (typeof message !== "string") return producer.close(4400, "frames are text");
    const frame = readProducerFrame(message, state);
    if (frame.kind === "bad") return producer.close(frame.code, frame.reason);
    producer.heard(Date.now());
    let outcome = this.#run.append(frame.request);
    await this.#run.settle();
    if (outcome.kind === "unknown") {
      // The run was archived while this socket stayed open: a repeat is still a duplicate. [SEQ6]
      const run = { workspaceId: state.workspaceId, runId: this.ctx.id.name ?? "" };
      outcome = appendToArchived(frame.request, await new R2LogReader(this.env.ARCHIVE, run).manifest());
    }
    const answer = answerFrame(frame.producerSequence, outcome);
    producer.send(answer.frame);
    if (answer.close !== null) producer.close(answer.close.code, answer.close.reason);
  }

  #hear(watcher: Watcher, message: string | ArrayBuffer): void {
    if (hasExpired(watcher.state, Date.now()))
      return this.#run.audience.dismiss(watcher, CLOSE_EXPIRED, SESSION_EXPIRED);
    const frame = readWatcherFrame(message);
    if (frame.kind === "bad") return this.#run.audience.dismiss(watcher, 4400, frame.reason);
    for (const command of frame.commands) {
      switch (command.op) {
        case "ack":
          this.#run.acknowledge(watcher, command.sequence);
          break;
        case "view":
          this.#run.audience.look(watcher, command);
          break;
      }
    }
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#gone(socket);
    // Without an answer of ours the client waits ten seconds and is told 1006.
    socket.close(cleanCloseCode(code), "");
  }

  override webSocketError(socket: WebSocket): void {
    this.#gone(socket);
  }

  #gone(socket: WebSocket): void {
    const producer = this.#producers.find(socket);
    if (producer !== null) return this.#run.producerLeft(producer.heardAt());
    const watcher = this.#watchers.find(socket);
    this.#watchers.forget(socket);
    if (watcher !== null) this.#run.left(watcher.state.watcherId);
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    await this.#run.wake(info?.scheduledTime ?? Date.now());
  }
}

const NO_RUN = { code: "RUN_NOT_FOUND", detail: "this object holds no run" } as const;
const CLOSE_EXPIRED = ERROR_CODES.UNAUTHENTICATED.close;

const subprotocolOf = (request: Request, ours: string): string | null =>
  request.headers.get("sec-websocket-protocol") === null ? null : ours;
