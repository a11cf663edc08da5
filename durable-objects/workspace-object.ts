import { DurableObject } from "cloudflare:workers";
import { z } from "zod";
import type { RunLoad, StoredRun } from "../core/ports.ts";
import { closeExpired, earliestExpiry, hasExpired, SESSION_EXPIRED, type SessionSocket } from "../core/run/sessions.ts";
import { ERROR_CODES } from "../protocol/error-code.ts";
import { toWireRun } from "../core/run/wire-run.ts";
import { isTerminal } from "../protocol/event.ts";
import { PING, PONG, type WorkspaceFrame } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import { WORKSPACE_SUBPROTOCOL } from "../protocol/version.ts";
import { errorText, logError } from "../storage/server-log.ts";
import { liveNumbers, type LiveNumbers } from "../storage/live-numbers.ts";
import { SqliteLiveRuns, type LiveRun } from "../storage/sqlite-live-runs.ts";
import type { Env } from "../worker/env.ts";
import { cleanCloseCode } from "./close-code.ts";
import { GatheredChanges } from "./gathered-changes.ts";
import { expiryOf, openPair, refuse, switchProtocols } from "./object-sockets.ts";

/** Progress of one run is told at most four times a second; a person sees no more, and a hundred runs stay affordable. */
const PROGRESS_INTERVAL_MS = 250;

/** What one socket may have unread before it is cut: nothing here needs a cursor, so it simply comes again. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

/** What hibernation keeps of a socket. */
const attachmentSchema = z.object({ origin: z.string(), expiresAt: z.number().nullable() });
type Attachment = z.infer<typeof attachmentSchema>;

/**
 * The live list of one workspace. Runs tell it how they stand; it tells every socket: hello, all open runs, then each change.
 * It is a mirror, and never asked what is true: ended runs are in D1, and an open run's own object has the last word.
 */
export class WorkspaceObject extends DurableObject<Env> {
  readonly #runs: SqliteLiveRuns;
  readonly #changes: GatheredChanges;
  /** No more sockets than this are open; null: not counted yet. */
  #mostOpen: number | null = null;
  /** Undefined until this object has set it: what the one before it set is not known. */
  #alarmAt: number | null | undefined = undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#runs = new SqliteLiveRuns(ctx.storage.sql);
    this.#changes = new GatheredChanges(PROGRESS_INTERVAL_MS, {
      now: () => Date.now(),
      after: (delayMs, run) => void setTimeout(run, delayMs),
      send: (runId) => this.#tellRun(runId),
    });
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
  }

  /** How a run stands now. May be repeated, and may come late: what is older than what is known changes nothing. */
  publish(run: StoredRun, revision: number, load: RunLoad | null = null): void {
    const change = this.#runs.put(run, revision, load);
    if (change.kind === "stale" || change.kind === "unchanged") return;
    if (isTerminal(run.status)) {
      this.#changes.forget(run.run_id);
      this.#tell((origin) => ({ op: "run", run: toWireRun(run, origin) }));
    } else if (change.kind === "changed") {
      this.#changes.changed(run.run_id);
    } else {
      this.#changes.progressed(run.run_id);
    }
  }

  /** The run was deleted. */
  remove(runId: string): void {
    this.#runs.remove(runId);
    this.#changes.forget(runId);
    this.#tell(() => ({ op: "run_deleted", run_id: runId }));
  }

  /** Those of the runs that are open, with their latest progress. */
  liveRuns(runIds: readonly string[]): Pick<LiveRun, "run" | "revision">[] {
    const live = runIds.map((runId) => this.#runs.get(runId)).filter((known) => known !== null);
    return live.map(({ run, revision }) => ({ run, revision }));
  }

  /** How every open run stands. */
  liveStatuses(): { runId: string; status: StoredRun["status"]; revision: number }[] {
    return this.#runs.all().map(({ run, revision }) => ({ runId: run.run_id, status: run.status, revision }));
  }

  /** What the open runs add up to, as each last told. */
  numbers(): LiveNumbers {
    return liveNumbers(this.#runs.all());
  }

  /** A socket, handed over by the Worker, which has asked who it is. */
  override fetch(request: Request): Response {
    if (this.#isFull()) {
      return refuse({
        code: "TOO_MANY_WATCHERS",
        detail: `this workspace has ${LIMITS.watchersPerRun} watchers already`,
      });
    }
    const { client, server } = openPair();
    this.ctx.acceptWebSocket(server);
    const offered = request.headers.get("sec-websocket-protocol") ?? "";
    const answer = switchProtocols(client, offered.includes(WORKSPACE_SUBPROTOCOL) ? WORKSPACE_SUBPROTOCOL : null);
    const { origin } = new URL(request.url);
    const attachment: Attachment = { origin, expiresAt: expiryOf(request) };
    server.serializeAttachment(attachment);
    this.#came(attachment);
    send(server, { op: "hello", workspace_id: this.ctx.id.name ?? "" });
    for (const { run } of this.#runs.all()) send(server, { op: "run", run: toWireRun(run, origin) });
    return answer;
  }

  /** `ping` is answered by the platform; nothing else is ours to hear. */
  override webSocketMessage(socket: WebSocket): void {
    socket.close(4400, "this socket only listens; send nothing but ping");
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#left(socket);
    // Without an answer of our own the client waits ten seconds and then sees a broken connection.
    socket.close(cleanCloseCode(code), "");
  }

  /** The session of a socket is over, also of one that never spoke. [SES1] */
  override alarm(): void {
    this.#alarmAt = null;
    closeExpired(this.#sessionSockets(), Date.now());
    this.#armSessions();
  }

  override webSocketError(socket: WebSocket, error: unknown): void {
    this.#left(socket);
    logError("a socket of the live list broke", { workspace_id: this.ctx.id.name ?? null, error: errorText(error) });
  }

  /** Counted anew only when it may be so: the runtime makes a list of all sockets each time it is asked. */
  #isFull(): boolean {
    if (this.#mostOpen !== null && this.#mostOpen < LIMITS.watchersPerRun) return false;
    this.#mostOpen = this.ctx.getWebSockets().filter(isOpen).length;
    return this.#mostOpen >= LIMITS.watchersPerRun;
  }

  /** Thousands may come at once: only the first session to end moves the alarm. */
  #came({ expiresAt }: Attachment): void {
    this.#mostOpen = (this.#mostOpen ?? 0) + 1;
    const isFirst = typeof this.#alarmAt === "number" && expiresAt !== null && expiresAt < this.#alarmAt;
    if (this.#alarmAt === undefined || isFirst || (this.#alarmAt === null && expiresAt !== null)) this.#armSessions();
  }

  #left(socket: WebSocket): void {
    const attachment = attachmentSchema.safeParse(socket.deserializeAttachment());
    if (attachment.success && attachment.data.expiresAt !== null) this.#armSessions();
  }

  /** The alarm is set to the first session that ends; without one there is none. */
  #armSessions(): void {
    const at = earliestExpiry(this.#sessionSockets());
    if (at === this.#alarmAt) return;
    this.#alarmAt = at;
    void (at === null ? this.ctx.storage.deleteAlarm() : this.ctx.storage.setAlarm(at));
  }

  #sessionSockets(): SessionSocket[] {
    return this.ctx.getWebSockets().flatMap((socket) => {
      const attachment = attachmentSchema.safeParse(socket.deserializeAttachment());
      if (!attachment.success || !isOpen(socket)) return [];
      return [{ state: attachment.data, close: (code: number, reason: string) => socket.close(code, reason) }];
    });
  }

  #tellRun(runId: string): void {
    const live = this.#runs.get(runId);
    if (live !== null) this.#tell((origin) => ({ op: "run", run: toWireRun(live.run, origin) }));
  }

  #tell(frameFor: (origin: string) => WorkspaceFrame): void {
    const textByOrigin = new Map<string, string>();
    for (const socket of this.ctx.getWebSockets()) {
      const attachment = attachmentSchema.safeParse(socket.deserializeAttachment());
      if (!attachment.success || !isOpen(socket)) continue;
      const { origin } = attachment.data;
      if (hasExpired(attachment.data, Date.now())) {
        socket.close(ERROR_CODES.UNAUTHENTICATED.close, SESSION_EXPIRED);
      } else if (unreadBytes(socket) > MAX_UNREAD_BYTES) {
        socket.close(4408, "too slow; connect again");
      } else {
        const text = textByOrigin.get(origin) ?? JSON.stringify(frameFor(origin));
        textByOrigin.set(origin, text);
        socket.send(text);
      }
    }
  }
}

/** The runtime lists a socket until its closing is over. */
const isOpen = (socket: WebSocket): boolean => socket.readyState === WebSocket.OPEN;

const send = (socket: WebSocket, frame: WorkspaceFrame): void => socket.send(JSON.stringify(frame));

/** Older runtimes do not count; there the platform's own limits are all there is. */
function unreadBytes(socket: WebSocket): number {
  const bytes: unknown = Reflect.get(socket, "bufferedAmount");
  return typeof bytes === "number" ? bytes : 0;
}
