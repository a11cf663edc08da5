/** A comment this often keeps proxies from closing a quiet stream. */
const QUIET_MS = 15_000;

/**
 * A body that asks for the next piece when the reader has taken the last one: nothing is held beyond one piece. A reader that leaves ends the
 * generator, and `left` is told first: a generator that waits cannot be ended from outside. `whileQuiet` is sent when nothing came for 15 s.
 */
export function pulledStream(
  pieces: AsyncGenerator<string>,
  left: AbortController,
  whileQuiet: string | null = null,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<string>> | null = null;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      next ??= pieces.next();
      const piece = whileQuiet === null ? await next : await Promise.race([next, quiet()]);
      if (piece === "quiet") {
        controller.enqueue(encoder.encode(whileQuiet ?? ""));
        return;
      }
      next = null;
      if (piece.done === true) controller.close();
      else controller.enqueue(encoder.encode(piece.value));
    },
    async cancel() {
      left.abort();
      // The piece that was waited for fails now, and nobody asks for it any more.
      await Promise.allSettled([next, pieces.return(undefined)]);
    },
  });
}

const quiet = (): Promise<"quiet"> => new Promise((resolve) => setTimeout(() => resolve("quiet"), QUIET_MS));
