import { LogMissing } from "../../core/reading/read-log.ts";
import { endData } from "../../core/run/greetings.ts";
import { windowToFrames } from "../../core/run/log-frames.ts";
import { acknowledged, emptyWindow, fits, sent } from "../../core/run/flow-control.ts";
import { SESSION_EXPIRED } from "../../core/run/sessions.ts";
import { ERROR_CODES } from "../../protocol/error-code.ts";
import { isTerminal, type RunStatus } from "../../protocol/event.ts";
import { PING, PONG } from "../../protocol/frames.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { LiveQuery } from "../../protocol/read-query.ts";
import { readWatcherFrame } from "../../protocol/watcher-frame.ts";
import { errorText, logError } from "../../storage/server-log.ts";
import type { RunLog } from "./run-log.ts";

/** What a timer can count; a session is longer. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** A finished run over `runcast.v1`: the same frames as from its object, read from R2 at the watcher's pace. */
export async function replaySocket(from: {
  log: RunLog;
  runId: string;
  query: LiveQuery;
  /** When the caller's session ends, epoch ms; null: never. */
  expiresAt: number | null;
  subprotocol: string | null;
}): Promise<Response> {
  const head = await from.log.head();
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const replay = new Replay(server, from.expiresAt);
  replay.send({
    op: "hello",
    run_id: from.runId,
    status: head.status,
    last_sequence: head.lastSequence,
    watcher_id: crypto.randomUUID(),
  });
  replay.run(from.log, from.query, head).catch((error: unknown) => {
    logError("a replay broke off", { run_id: from.runId, error: errorText(error) });
    // To come again helps only when the log is there.
    if (error instanceof LogMissing) replay.close(4404, "the stored log is missing");
    else replay.close(1012, "reconnect");
  });
  return new Response(null, {
    status: 101,
    webSocket: client,
    headers: from.subprotocol === null ? {} : { "sec-websocket-protocol": from.subprotocol },
  });
}

class Replay {
  readonly #socket: WebSocket;
  readonly #window = emptyWindow();
  #isOpen = true;
  #lastSent = 0;
  #acknowledged = 0;
  #wake: () => void = () => {};
  #forgetSession: () => void = () => {};

  constructor(socket: WebSocket, expiresAt: number | null) {
    this.#socket = socket;
    if (expiresAt !== null) this.#closeAt(expiresAt);
    socket.addEventListener("message", ({ data }) => this.#hear(data));
    const closed = (): void => {
      this.#isOpen = false;
      this.#forgetSession();
      this.#wake();
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
    this.#forgetSession();
    this.#socket.close(code, reason);
    this.#wake();
  }

  /** With the session that it was opened in. [SES1] */
  #closeAt(expiresAt: number): void {
    const remainingMs = expiresAt - Date.now();
    if (remainingMs <= 0) return this.close(ERROR_CODES.UNAUTHENTICATED.close, SESSION_EXPIRED);
    const timeout = setTimeout(() => this.#closeAt(expiresAt), Math.min(remainingMs, LONGEST_TIMEOUT_MS));
    this.#forgetSession = () => clearTimeout(timeout);
  }

  async run(log: RunLog, query: LiveQuery, head: { status: RunStatus; lastSequence: number }): Promise<void> {
    let position = query.afterSequence;
    for await (const window of log.windows(query.afterSequence, { types: query.types })) {
      for (const frame of windowToFrames(window, position, query.types)) {
        if (frame.bytes === 0) continue;
        await this.#room(frame.bytes);
        if (!this.#isOpen) return;
        this.#socket.send(frame.text);
        sent(this.#window, frame.lastSequence, frame.bytes);
        this.#lastSent = frame.lastSequence;
      }
      position = window.lastSequence;
    }
    const { status } = head;
    this.send({ op: "caught_up", sequence: Math.max(position, query.afterSequence) });
    if (isTerminal(status)) {
      const sha256 = await log.sha256();
      this.send({ op: "end", ...endData({ status, lastSequence: head.lastSequence, sha256 }) });
    }
    // Who would stay was taken by the run's object, or the run is gone.
    this.close(1000, "the run has ended");
  }

  /** Waits until the watcher has acknowledged enough; one that acknowledges nothing for 30 s is told where to resume. [FLOW4] */
  async #room(bytes: number): Promise<void> {
    while (this.#isOpen && !fits(this.#window, 0, bytes)) {
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
      acknowledged(this.#window, command.sequence);
      this.#wake();
    }
  }
}
