import { LogMissing } from "../../core/reading/read-log.ts";
import { acknowledged, emptyWindow, fits, sent, type WatcherWindow } from "../../core/run/flow-control.ts";
import { endData } from "../../core/run/greetings.ts";
import { windowToFrames } from "../../core/run/log-frames.ts";
import type { RunWindow } from "../../core/run/run-window.ts";
import { SESSION_EXPIRED } from "../../core/run/sessions.ts";
import { ERROR_CODES } from "../../protocol/error-code.ts";
import { isTerminal, type RunStatus } from "../../protocol/event.ts";
import { PING, PONG } from "../../protocol/frames.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { LiveQuery } from "../../protocol/read-query.ts";
import { readWatcherFrame } from "../../protocol/watcher-frame.ts";
import { errorText, logError } from "../../storage/server-log.ts";
import type { ReplayLog } from "./replay-log.ts";
import type { ReplayShare } from "./replay-share.ts";

/** What a timer can count; a session is longer. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** A finished run over `runcast.v1`: the same frames as from its object, read from R2 at the watcher's pace. */
export function replaySocket(from: {
  log: ReplayLog;
  share: ReplayShare;
  runId: string;
  head: { status: RunStatus; lastSequence: number };
  query: LiveQuery;
  /** When the caller's session ends, epoch ms; null: never. */
  expiresAt: number | null;
  subprotocol: string | null;
}): Response {
  const { head } = from;
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const watcherId = crypto.randomUUID();
  const replay = new Replay(server, watcherId, from.share.allowance, from.expiresAt);
  replay.send({
    op: "hello",
    run_id: from.runId,
    status: head.status,
    last_sequence: head.lastSequence,
    watcher_id: watcherId,
  });
  replay
    .run(from.log, from.query, head)
    .catch((error: unknown) => {
      logError("a replay broke off", { run_id: from.runId, error: errorText(error) });
      // To come again helps only when the log is there.
      if (error instanceof LogMissing) replay.close(4404, "the stored log is missing");
      else replay.close(1012, "reconnect");
    })
    .finally(() => from.log.close());
  return new Response(null, {
    status: 101,
    webSocket: client,
    headers: from.subprotocol === null ? {} : { "sec-websocket-protocol": from.subprotocol },
  });
}

class Replay {
  readonly #socket: WebSocket;
  readonly #state: { watcherId: string; window: WatcherWindow };
  readonly #allowance: RunWindow;
  #isOpen = true;
  #lastSent = 0;
  #acknowledged = 0;
  #wake: () => void = () => {};
  #forgetSession: () => void = () => {};

  constructor(socket: WebSocket, watcherId: string, allowance: RunWindow, expiresAt: number | null) {
    this.#socket = socket;
    this.#state = { watcherId, window: emptyWindow() };
    this.#allowance = allowance;
    if (expiresAt !== null) this.#closeAt(expiresAt);
    socket.addEventListener("message", ({ data }) => this.#hear(data));
    const closed = (): void => {
      this.#isOpen = false;
      this.#release();
    };
    socket.addEventListener("close", () => {
      // Without an answer of ours the client waits ten seconds and is told 1006.
      if (this.#isOpen) socket.close(1000, "");
      closed();
    });
    socket.addEventListener("error", closed);
  }

  send(control: Record<string, unknown>): void {
    if (this.#isOpen) this.#socket.send(JSON.stringify(control));
  }

  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.close(code, reason);
    this.#release();
  }

  #release(): void {
    this.#forgetSession();
    this.#allowance.gone(this.#state.watcherId);
    this.#wake();
  }

  /** With the session that it was opened in. [SES1] */
  #closeAt(expiresAt: number): void {
    const remainingMs = expiresAt - Date.now();
    if (remainingMs <= 0) return this.close(ERROR_CODES.UNAUTHENTICATED.close, SESSION_EXPIRED);
    const timeout = setTimeout(() => this.#closeAt(expiresAt), Math.min(remainingMs, LONGEST_TIMEOUT_MS));
    this.#forgetSession = () => clearTimeout(timeout);
  }

  async run(
    log: ReplayLog,
    { afterSequence, types }: LiveQuery,
    head: { status: RunStatus; lastSequence: number },
  ): Promise<void> {
    let position = afterSequence;
    while (this.#isOpen && position < head.lastSequence) {
      const step = await this.#sendAfter(log, position, types);
      position = step.position;
      // Nothing of the log is held while it waits: it is asked for again. [RPL1]
      if (step.neededBytes > 0) await this.#room(step.neededBytes);
    }
    if (!this.#isOpen) return;
    const { status } = head;
    this.send({ op: "caught_up", sequence: position });
    if (isTerminal(status)) {
      const sha256 = await log.sha256();
      this.send({ op: "end", ...endData({ status, lastSequence: head.lastSequence, sha256 }) });
    }
    // Who would stay was taken by the run's object, or the run is gone.
    this.close(1000, "the run has ended");
  }

  /** Sends of the window behind `position` what there is room for, and says how far that is and what the next frame needs. */
  async #sendAfter(
    log: ReplayLog,
    position: number,
    types: string[] | null,
  ): Promise<{ position: number; neededBytes: number }> {
    const window = await log.windowAfter(position);
    if (window === null) throw new LogMissing(`no lines after ${position}`);
    let reached = position;
    for (const frame of windowToFrames(window, position, types)) {
      if (!this.#isOpen || !this.#fits(frame.bytes)) {
        log.told(window, reached);
        return { position: reached, neededBytes: frame.bytes };
      }
      reached = frame.lastSequence;
      if (frame.bytes === 0) continue;
      this.#socket.send(frame.text);
      sent(this.#state.window, frame.lastSequence, frame.bytes);
      this.#allowance.changed(this.#state);
      this.#lastSent = frame.lastSequence;
    }
    log.told(window, window.lastSequence);
    // Of a timeline the window reaches further than its last line does.
    return { position: window.lastSequence, neededBytes: 0 };
  }

  #fits(bytes: number): boolean {
    return bytes === 0 || fits(this.#state.window, this.#allowance.total(), bytes);
  }

  /** Waits until the watcher has acknowledged enough; one that acknowledges nothing for 30 s is told where to resume. [FLOW4] */
  async #room(bytes: number): Promise<void> {
    while (this.#isOpen && !this.#fits(bytes)) {
      const answer = await new Promise<"acknowledged" | "silent">((resolve) => {
        const silence = setTimeout(() => resolve("silent"), LIMITS.watcherSilenceMs);
        this.#wake = () => {
          clearTimeout(silence);
          resolve("acknowledged");
        };
      });
      if (answer === "silent") this.close(4408, `resume after ${this.#lastSent}`);
    }
  }

  #hear(data: unknown): void {
    if (data === PING) {
      if (this.#isOpen) this.#socket.send(PONG);
      return;
    }
    const frame = readWatcherFrame(data);
    if (frame.kind === "bad") return this.close(4400, frame.reason);
    for (const command of frame.commands) {
      // The same acknowledgement again says nothing new: who only repeats it is as silent as who says nothing.
      if (command.op !== "ack" || command.sequence <= this.#acknowledged) continue;
      this.#acknowledged = command.sequence;
      acknowledged(this.#state.window, command.sequence);
      this.#allowance.changed(this.#state);
      this.#wake();
    }
  }
}
