/** A page in the background draws no frames, yet what is shown of it (its title) is to stay right. */
const HIDDEN_MS = 500;

/** Runs `act` once in the next frame, however often it was asked for until then. */
export function oncePerFrame(act: () => void): { request: () => void; cancel: () => void } {
  let frame: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = (): void => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = undefined;
    timer = undefined;
  };
  const run = (): void => {
    cancel();
    act();
  };
  return {
    request: () => {
      if (timer !== undefined) return;
      frame = requestAnimationFrame(run);
      timer = setTimeout(run, HIDDEN_MS);
    },
    cancel,
  };
}
