import { workspaceFrameSchema } from "../protocol/frames.ts";
import { isRecord } from "../protocol/ndjson.ts";
import { WORKSPACE_SUBPROTOCOL } from "../protocol/version.ts";
import { connectionOf } from "./connection-state.ts";
import type { Connection } from "./connection-state.ts";
import { parseControl } from "./frame.ts";
import { membersOf } from "./json-text.ts";
import { ReconnectingSocket, WATCH_TIMING } from "./reconnecting-socket.ts";
import type { WatchTiming } from "./reconnecting-socket.ts";
import { runWithTextSchema, withText } from "./run-with-text.ts";
import type { RunWithText } from "./run-with-text.ts";
import { openSocket, socketConstructor, socketUrl } from "./web-socket.ts";
import type { SocketConstructor } from "./web-socket.ts";

export type WatchWorkspaceOptions = {
  url: string;
  workspaceId: string;
  token?: string;
  signal?: AbortSignal;
  webSocket?: SocketConstructor;
  timing?: Partial<WatchTiming>;
  random?: () => number;
  /**
   * Once for every connection, before its open runs. What changed while the connection was away is not told again: a list that is to be
   * right reads its ended runs anew.
   */
  onHello?: () => void;
  /** A run that is open, or that has just changed. */
  onRun: (run: RunWithText) => void;
  onRunDeleted: (runId: string) => void;
  onState?: (connection: Connection) => void;
};

export interface WorkspaceWatch {
  readonly connection: Connection;
  retryNow(): void;
  stop(): void;
}

/** Watches the runs of a workspace until stopped: first all open ones, then every change. */
export function watchWorkspace(options: WatchWorkspaceOptions): WorkspaceWatch {
  const path = `/api/workspaces/${encodeURIComponent(options.workspaceId)}/live`;
  const Socket = socketConstructor(options);
  if (Socket === null) throw new TypeError("no WebSocket here can send a token: pass `webSocket`");
  const socket = new ReconnectingSocket({
    connect: () =>
      openSocket(Socket, socketUrl(options.url, path, new URLSearchParams()), WORKSPACE_SUBPROTOCOL, options.token),
    timing: { ...WATCH_TIMING, ...options.timing },
    random: options.random ?? Math.random,
    onFrame: (text) => {
      for (const line of text.split("\n")) {
        if (line !== "") receive(line, socket, options);
      }
    },
    onState: (state) => options.onState?.(connectionOf(state)),
    onFailure: (cause) => {
      // A callback threw. Nobody awaits this watch, so the error goes where uncaught errors go.
      queueMicrotask(() => {
        throw cause;
      });
    },
  });
  options.signal?.addEventListener("abort", () => socket.stop(), { once: true });
  if (options.signal?.aborted === true) socket.stop();
  else socket.start();
  return {
    get connection() {
      return connectionOf(socket.state);
    },
    retryNow: () => socket.retryNow(),
    stop: () => socket.stop(),
  };
}

function receive(line: string, socket: ReconnectingSocket, options: WatchWorkspaceOptions): void {
  const value = parseControl(line);
  const { data: frame } = workspaceFrameSchema.safeParse(value);
  if (frame === undefined) {
    // A newer server may say more than this client knows; what it knows, it must be able to read.
    if (!isRecord(value) || KNOWN_OPS.has(value["op"])) {
      socket.dispatch({ kind: "broken", reason: `a line could not be read: ${line.slice(0, 80)}` });
    }
    return;
  }
  switch (frame.op) {
    case "hello":
      // There is no history to catch up with: a workspace's socket is live from its first line.
      socket.dispatch({ kind: "hello", head: 0 });
      socket.dispatch({ kind: "caught_up" });
      options.onHello?.();
      return;
    case "run":
      options.onRun(runWithTextSchema.parse(withText(value?.["run"], membersOf(line).get("run") ?? "")));
      return;
    case "run_deleted":
      options.onRunDeleted(frame.run_id);
      return;
  }
}

const KNOWN_OPS: ReadonlySet<unknown> = new Set(workspaceFrameSchema.options.map((option) => option.shape.op.value));
