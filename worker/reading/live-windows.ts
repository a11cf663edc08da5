import type { LogWindow } from "../../core/ports.ts";
import { damagedWindow, isDamageMark, ownSequence } from "../../core/reading/damage.ts";
import { ERROR_CODES } from "../../protocol/error-code.ts";
import { damagedSchema } from "../../protocol/frames.ts";
import { LIVE_SUBPROTOCOL } from "../../protocol/version.ts";

/** Whoever the lines were read for has left. */
class ReaderLeft extends Error {}

/** The session of who reads is over: the object closed the socket, and would close the next one too. [SES1] */
export class SessionOver extends Error {}

/**
 * Lines of an open run as its object writes them, through a socket of the same protocol that watchers use: the object can hibernate while a
 * reader waits, and a reader that is slow acknowledges late, so nothing piles up here. Ends with the run or when the socket is cut; throws when `left` says that
 * nobody reads any more, when the session of who reads is over, or when the object refuses the socket.
 */
export async function* liveWindows(
  connect: (request: Request) => Promise<Response>,
  url: URL,
  headers: Headers,
  left: AbortSignal,
): AsyncGenerator<LogWindow> {
  const asked = new Headers(headers);
  asked.set("upgrade", "websocket");
  asked.set("sec-websocket-protocol", LIVE_SUBPROTOCOL);
  const response = await connect(new Request(url, { headers: asked }));
  const socket = response.webSocket;
  if (socket === null) {
    // Not here any more: it was archived. Anything else would be asked again and again.
    if (response.status === 404) return;
    throw new Error(`the run's object refused a reader: ${await response.text()}`);
  }
  const frames: string[] = [];
  let isClosed = false;
  let wake: () => void = () => {};
  socket.addEventListener("message", ({ data }) => {
    if (typeof data === "string") frames.push(data);
    wake();
  });
  let isExpired = false;
  const closed = (): void => {
    isClosed = true;
    wake();
  };
  socket.addEventListener("close", ({ code }) => {
    isExpired = code === ERROR_CODES.UNAUTHENTICATED.close;
    closed();
  });
  socket.addEventListener("error", closed);
  left.addEventListener("abort", () => wake());
  socket.accept();
  try {
    for (;;) {
      if (left.aborted) throw new ReaderLeft();
      const frame = frames.shift();
      if (frame === undefined) {
        if (isExpired) throw new SessionOver();
        if (isClosed) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (frame.startsWith('{"op":"end"')) return;
      const window = frameWindow(frame);
      if (window === null) continue;
      yield window;
      // Only now: whoever reads has taken the lines.
      if (!isClosed) socket.send(JSON.stringify({ op: "ack", sequence: window.lastSequence }));
    }
  } finally {
    if (!isClosed) socket.close(1000, "");
  }
}

/** The event lines of a frame, or its damage as marks; null for any other control frame. Without a filter a frame's sequences have no gaps. */
function frameWindow(frame: string): LogWindow | null {
  if (isDamageMark(frame)) {
    const { first, last } = damagedSchema.parse(JSON.parse(frame));
    return damagedWindow(first, last);
  }
  const first = ownSequence(frame);
  if (first === null) return null;
  const last = ownSequence(frame.slice(frame.lastIndexOf("\n") + 1)) ?? first;
  return { firstSequence: first, lastSequence: last, lines: `${frame}\n` };
}
