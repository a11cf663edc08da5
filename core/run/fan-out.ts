import { CLOSE_NORMAL, CLOSE_TOO_SLOW, ERROR_CODES } from "../../protocol/error-code.ts";
import type { TerminalStatus } from "../../protocol/event.ts";
import type { Clock, LogWindow, Timer, Watcher, Watchers } from "../ports.ts";
import { LogMissing } from "../reading/read-log.ts";
import { backoffMs } from "./alarm-plan.ts";
import { acknowledged, fits, sent, silentUntil } from "./flow-control.ts";
import { endData } from "./greetings.ts";
import type { WrittenLine } from "./line-writer.ts";
import { RunWindow } from "./run-window.ts";
import { linesToFrames, windowToFrames, type Frame } from "./log-frames.ts";

/** What the fan-out asks of the run. */
export type FanOutSource = {
  /** How the log stands now. `ended` is null while the run is open. */
  head(): { sequence: number; ended: TerminalStatus | null };
  /** Of all lines of an ended run; null when its log is not whole any more. */
  sha256(): string | null;
  /** Whole lines after `sequence`: at once from the hot log, later from the archive. Null when nothing is there just now; throws `LogMissing` when nothing will be. */
  windowAfter(watcher: Watcher, sequence: number): LogWindow | null | Promise<LogWindow | null>;
  /** A watcher began or ceased to wait: the alarm may have to move. */
  waitingChanged(): void;
  /** A watcher could not be served from the log; the reason is for the server's log. */
  failed(error: unknown): void;
};

/** One `send` costs about this much on workerd; the clock of an object stands still while it works, so it cannot be measured there. */
const SEND_COST_MS = 0.045;
/** Gathering this many times the cost of the last fan-out keeps p99 at the engine's while it sends many lines a frame. */
const GATHER_FACTOR = 3;
const MOST_MISSES = 3;

/**
 * Brings every stored line to every watcher, in order, each once. A watcher at the head gets the frames that all share; one that is behind,
 * or out of room, reads the log at its own pace. Its position says where it is, so nothing is lost when this object forgets. [FAN1] [FAN2]
 */
export class FanOut {
  readonly #watchers: Watchers;
  readonly #timer: Timer;
  readonly #clock: Clock;
  readonly #source: FanOutSource;
  #gathered: WrittenLine[] = [];
  #isGathering = false;
  readonly #reading = new Set<string>();
  /** What the next frame of a waiting watcher takes: until that fits there is no use in reading the log for it again. */
  readonly #neededBytes = new Map<string, number>();
  #failures = 0;
  #retryAt: number | null = null;
  readonly #runWindow: RunWindow;

  constructor(ports: { watchers: Watchers; timer: Timer; clock: Clock }, source: FanOutSource) {
    this.#watchers = ports.watchers;
    this.#timer = ports.timer;
    this.#clock = ports.clock;
    this.#source = source;
    this.#runWindow = new RunWindow(ports.watchers);
  }

  /** Takes lines that are stored. Sends them at once when idle, else with the next frame. */
  publish(lines: readonly WrittenLine[]): void {
    for (const line of lines) this.#gathered.push(line);
    if (this.#isGathering && this.#source.head().ended === null) return;
    this.#flush();
  }

  /** When a silent watcher or one whose session expires is to be closed, or one that could not be served to be tried again; null: never. */
  dueAt(): number | null {
    const watchers = this.#watchers.all();
    // With the watcher that was to be served again goes the reason to wake.
    let due = watchers.some(({ state }) => !state.ended) ? this.#retryAt : null;
    for (const { state } of watchers) {
      const until = earlier(silentUntil(state), state.expiresAt);
      due = earlier(due, until);
    }
    return due;
  }

  /** What the alarm does. */
  wake(): void {
    this.#closeSilent();
    if (this.#retryAt !== null && this.#retryAt <= this.#clock.now()) this.resume();
  }

  /** Starts or goes on with every watcher that is behind and may be served: after a wake, nothing else would. */
  resume(): void {
    this.#retryAt = null;
    for (const watcher of this.#watchers.all()) this.serve(watcher);
  }

  /** Serves one watcher from the log until it is at the head, out of room, or already being served. */
  serve(watcher: Watcher): void {
    const { state } = watcher;
    if (state.ended || this.#reading.has(state.watcherId)) return;
    const needed = this.#neededBytes.get(state.watcherId);
    if (needed !== undefined && !fits(state.window, this.#runWindow.total(), needed)) return;
    this.#reading.add(state.watcherId);
    this.#readFor(watcher).catch((error: unknown) => {
      if (error instanceof LogMissing)
        this.dismiss(watcher, ERROR_CODES.LOG_INCOMPLETE.close, "the stored log is missing");
      else this.#readAgainLater(error);
    });
  }

  /** Nothing else would go on with this watcher: perhaps no line comes any more, and it has nothing to acknowledge. */
  #readAgainLater(error: unknown): void {
    this.#failures += 1;
    this.#retryAt ??= this.#clock.now() + backoffMs(this.#failures);
    this.#source.failed(error);
    this.#source.waitingChanged();
  }

  acknowledge(watcher: Watcher, sequence: number): void {
    const { state } = watcher;
    acknowledged(state.window, sequence);
    this.#runWindow.changed(state);
    const acknowledgedSequence = Math.min(sequence, state.lastSentSequence);
    // The same acknowledgement again says nothing new: who only repeats it is as silent as who says nothing. [FLOW4]
    if (acknowledgedSequence > state.acknowledgedSequence) {
      state.acknowledgedSequence = acknowledgedSequence;
      if (state.blockedAt !== null) state.blockedAt = this.#clock.now();
    }
    watcher.keep(state);
    this.serve(watcher);
  }

  /** Closes every watcher that let lines wait for it and acknowledged nothing for too long. [FLOW4] */
  #closeSilent(): void {
    for (const watcher of this.#watchers.all()) {
      const { state } = watcher;
      const until = silentUntil(state);
      if (until === null || until > this.#clock.now()) continue;
      this.dismiss(watcher, CLOSE_TOO_SLOW, `resume after ${state.lastSentSequence}`);
    }
  }

  dismiss(watcher: Watcher, code: number, reason: string): void {
    const { state } = watcher;
    // Who does not read does not answer a close either: its socket can stay for long, but must not be due again.
    state.ended = true;
    state.blockedAt = null;
    state.expiresAt = null;
    watcher.keep(state);
    watcher.close(code, reason);
    this.forget(state.watcherId);
  }

  /** The socket is gone. */
  forget(watcherId: string): void {
    this.#neededBytes.delete(watcherId);
    this.#runWindow.gone(watcherId);
  }

  #flush(): void {
    const lines = this.#gathered;
    const first = lines[0];
    const last = lines.at(-1);
    if (first === undefined || last === undefined) return;
    this.#gathered = [];
    const watchers = this.#watchers.all();
    const framesByFilter = new Map<string, Frame[]>();
    let sends = 0;
    for (const watcher of watchers) {
      const { state } = watcher;
      if (state.ended) continue;
      if (state.position >= last.sequence) {
        // One that waits beyond the head is told of the end by nothing else. [FAN4]
        if (state.caughtUp) this.#endIfDone(watcher);
        continue;
      }
      if (state.position !== first.sequence - 1 || !state.caughtUp || this.#reading.has(state.watcherId)) {
        this.serve(watcher);
        continue;
      }
      const filter = state.types === null ? "" : state.types.join(",");
      const frames = framesByFilter.get(filter) ?? linesToFrames(lines, state.types, first.sequence);
      framesByFilter.set(filter, frames);
      let isBlocked = false;
      for (const frame of frames) {
        if (frame.bytes > 0 && !fits(state.window, this.#runWindow.total(), frame.bytes)) {
          this.#block(watcher, frame.bytes);
          isBlocked = true;
          break;
        }
        sends += frame.bytes > 0 ? 1 : 0;
        this.#send(watcher, frame);
      }
      watcher.keep(state);
      if (!isBlocked) this.#endIfDone(watcher);
    }
    this.#gather(sends);
  }

  /** Holds the next lines back for a small multiple of what the last fan-out cost. */
  #gather(sends: number): void {
    const delayMs = GATHER_FACTOR * SEND_COST_MS * sends;
    if (delayMs < 1) return;
    this.#isGathering = true;
    this.#timer.after(delayMs, () => {
      this.#isGathering = false;
      this.#flush();
    });
  }

  async #readFor(watcher: Watcher): Promise<void> {
    const { state } = watcher;
    let misses = 0;
    try {
      while (state.position < this.#source.head().sequence) {
        const before = state.position;
        const answer = this.#source.windowAfter(watcher, before);
        const window = answer instanceof Promise ? await answer : answer;
        if (window !== null && !this.#sendWindow(watcher, window)) return;
        // The archive moved on while it was read: ask again where the lines are now, but not for ever.
        misses = state.position > before ? 0 : misses + 1;
        if (misses > MOST_MISSES) throw new Error(`no lines after ${before} although the log goes on`);
      }
      this.#atHead(watcher);
    } finally {
      // In the same turn as the last look at the head: a line written in between would wait for the next one. [FAN2]
      this.#reading.delete(state.watcherId);
    }
  }

  /** False when the rest of the window has to wait for room. */
  #sendWindow(watcher: Watcher, window: LogWindow): boolean {
    const { state } = watcher;
    for (const frame of windowToFrames(window, state.position, state.types)) {
      if (frame.bytes > 0 && !fits(state.window, this.#runWindow.total(), frame.bytes)) {
        this.#block(watcher, frame.bytes);
        watcher.keep(state);
        return false;
      }
      this.#send(watcher, frame);
    }
    state.blockedAt = null;
    watcher.keep(state);
    return true;
  }

  #atHead(watcher: Watcher): void {
    const { state } = watcher;
    this.#failures = 0;
    // Kept before it is sent: after an eviction it must not be said again. [FAN3]
    if (!state.caughtUp) {
      state.caughtUp = true;
      watcher.keep(state);
      watcher.send(JSON.stringify({ op: "caught_up", sequence: state.position }));
    }
    this.#endIfDone(watcher);
  }

  #send(watcher: Watcher, frame: Frame): void {
    const { state } = watcher;
    if (frame.bytes > 0) {
      watcher.send(frame.text);
      sent(state.window, frame.lastSequence, frame.bytes);
      this.#runWindow.changed(state);
      state.lastSentSequence = frame.lastSequence;
    }
    state.position = frame.lastSequence;
  }

  #block(watcher: Watcher, neededBytes: number): void {
    this.#neededBytes.set(watcher.state.watcherId, neededBytes);
    watcher.state.blockedAt ??= this.#clock.now();
    this.#source.waitingChanged();
  }

  #endIfDone(watcher: Watcher): void {
    const { state } = watcher;
    const head = this.#source.head();
    if (head.ended === null || state.position < head.sequence || state.ended) return;
    state.ended = true;
    state.blockedAt = null;
    watcher.keep(state);
    const ending = { status: head.ended, lastSequence: head.sequence, sha256: this.#source.sha256() };
    watcher.send(JSON.stringify({ op: "end", ...endData(ending) }));
    if (!state.stay) this.dismiss(watcher, CLOSE_NORMAL, "the run has ended");
    // It was perhaps the last that the emptying of the object waited for.
    this.#source.waitingChanged();
  }
}

const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);
