import type { RunEvent } from "../protocol/event.ts";
import { watchRun } from "./watch-run.ts";
import type { WatchedLine, WatchRunOptions } from "./watch-run.ts";
import { withResolvers } from "./with-resolvers.ts";

/** The watch was refused for good: `code` is the WebSocket close code (4401 not signed in, 4403 not allowed, 4404 no such run). */
export class WatchRefused extends Error {
  override readonly name = "WatchRefused";
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason === "" ? `refused with ${code}` : reason);
    this.code = code;
  }
}

/**
 * The events of a run as a loop: in order, each once, across reconnects, until the run has ended or `signal` aborts. The server is only
 * asked for more as the loop takes it. Throws `WatchRefused`. Leaving the loop closes the connection.
 */
export async function* events(
  options: Omit<WatchRunOptions, "onLines" | "stay">,
): AsyncGenerator<RunEvent, void, void> {
  let frames: Array<{ lines: WatchedLine[]; taken: () => void }> = [];
  let wake = withResolvers<void>();
  const watch = watchRun({
    ...options,
    onLines: (lines) => {
      const { promise, resolve } = withResolvers<void>();
      frames.push({ lines, taken: resolve });
      wake.resolve();
      return promise;
    },
  });
  let settled = false;
  const outcome = watch.finished.finally(() => {
    settled = true;
    wake.resolve();
  });
  // It is awaited after the loop; until then its rejection is not unhandled.
  outcome.catch(() => {});
  try {
    for (;;) {
      await wake.promise;
      wake = withResolvers<void>();
      const ready = frames;
      frames = [];
      for (const { lines, taken } of ready) {
        for (const { event } of lines) yield event;
        taken();
      }
      // `finished` settles only after every frame was taken, so nothing is left behind it.
      if (ready.length === 0 && settled) break;
      if (settled) wake.resolve();
    }
    const result = await outcome;
    if (result.kind === "refused") throw new WatchRefused(result.code, result.reason);
  } finally {
    watch.stop();
  }
}
