/** A console line of 80 bytes and its message, that says when it was sent: in so few digits that none needs the slow way that keeps them all. */
export const consoleEvent = (messageBytes = 60): string =>
  `{"type":"console.line","payload":{"stream":"stdout","message":"${"x".repeat(messageBytes)}","sent":${performance.now().toFixed(3)}}}`;

/** The same, of so many bytes. */
export function paddedEvent(bytes: number): string {
  const event = consoleEvent(0);
  return event.replace('"message":""', `"message":"${"x".repeat(Math.max(0, bytes - event.length))}"`);
}

/** Once in each event, in whatever a server puts around it. */
const MARK = Buffer.from('"sent":');
/** A mark or a number may be cut in two where one piece of a stream ends. */
const LONGEST = 40;
const CLOSED = "}".charCodeAt(0);
const NEWLINE = "\n".charCodeAt(0);
const NOTHING: Buffer = Buffer.alloc(0);

/** Counts the events in what a watcher receives, and says how old each was then, if that is wanted: it costs the load generator more than counting. */
export class EventCounter {
  received = 0;
  readonly latencies: number[] = [];
  readonly #isTimed: boolean;
  #rest = NOTHING;

  constructor({ isTimed = false } = {}) {
    this.#isTimed = isTimed;
  }

  take(piece: Buffer): void {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const now = performance.now();
    let seen = 0;
    for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, seen)) {
      // Its number may not be there yet: it is counted with the next piece.
      if (at + LONGEST > bytes.length && bytes.indexOf("}", at) < 0) break;
      seen = at + MARK.length;
      this.received += 1;
      if (this.#isTimed) this.latencies.push(now - Number.parseFloat(bytes.toString("latin1", seen, seen + LONGEST)));
    }
    // Where an event or a line ends, nothing was cut: so it is with every frame.
    const end = bytes.at(-1);
    if (end === CLOSED || end === NEWLINE) this.#rest = NOTHING;
    else this.#rest = bytes.subarray(Math.max(seen, bytes.length - LONGEST));
  }
}
