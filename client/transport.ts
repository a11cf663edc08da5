/** How a watch reaches the server: by WebSocket, or, where something between refuses those, by server-sent events. */
export type TransportName = "websocket" | "sse";

/** `worked`: a WebSocket of this watch has brought something. `failures`: those in a row that brought nothing at all. */
export type Transport = { using: TransportName; failures: number; worked: boolean };

/** A server that is just being restarted refuses upgrades too; where they never worked, two are enough to know. */
const FAILURES_BEFORE_SSE = 2;
const FAILURES_BEFORE_SSE_ONCE_WORKED = 6;

/** What the next connection uses. `heard`: the last one brought at least one frame, or was refused by the server itself. */
export function nextTransport({ using, failures, worked }: Transport, heard: boolean): Transport {
  if (using === "sse") {
    // Where WebSockets never came through, the way that does is kept. Where they did, they are worth asking for again.
    return heard && !worked ? { using, failures, worked } : { using: "websocket", failures: 0, worked };
  }
  if (heard) return { using, failures: 0, worked: true };
  const limit = worked ? FAILURES_BEFORE_SSE_ONCE_WORKED : FAILURES_BEFORE_SSE;
  return failures + 1 < limit ? { using, failures: failures + 1, worked } : { using: "sse", failures: 0, worked };
}
