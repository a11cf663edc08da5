/**
 * The SDK for Node ≥ 20: the same as `index.ts`, with sockets that send the token as a header and tell with which status they were refused.
 */
import { events as readEvents } from "./events.ts";
import { NodeWebSocket } from "./node-web-socket.ts";
import { watchRun as watchAnyRun } from "./watch-run.ts";
import { watchWorkspace as watchAnyWorkspace } from "./watch-workspace.ts";

export * from "./index.ts";
export { NodeWebSocket };

export const watchRun: typeof watchAnyRun = (options) => watchAnyRun({ webSocket: NodeWebSocket, ...options });

export const watchWorkspace: typeof watchAnyWorkspace = (options) =>
  watchAnyWorkspace({ webSocket: NodeWebSocket, ...options });

export const events: typeof readEvents = (options) => readEvents({ webSocket: NodeWebSocket, ...options });
