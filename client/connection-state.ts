import { CLOSE_RESTART } from "../protocol/error-code.ts";
import type { TerminalStatus } from "../protocol/event.ts";
import { retryDelayMs } from "./backoff.ts";
import type { Backoff } from "./backoff.ts";

/**
 * A reconnecting watcher, as states, what can happen to them, and a table of every pair. Pure: the shell around it
 * (`reconnecting-socket.ts`) opens sockets and sets timers as it is told.
 */

/** How a run ended, as its log says. `sha256` is of all its lines, each with its newline, in hex; null when the stored log is not whole. */
export type RunEnd = { status: TerminalStatus; lastSequence: number; sha256: string | null };

/** `attempt` counts connections in a row that brought nothing and did not last; 0 is the first. `end` is kept by a watcher that stays after the end. */
type Trying = { attempt: number; end: RunEnd | null };
export type ConnectionState =
  | ({ kind: "connecting"; reason: string } & Trying)
  | ({ kind: "catching_up"; head: number } & Trying)
  | ({ kind: "live" } & Trying)
  | { kind: "staying"; attempt: number; end: RunEnd }
  | ({ kind: "waiting"; delayMs: number; reason: string } & Trying)
  | { kind: "ended"; end: RunEnd }
  | { kind: "refused"; code: number; reason: string }
  | { kind: "stopped" };

export type ConnectionEvent =
  | { kind: "hello"; head: number }
  /** Something new arrived. */
  | { kind: "progressed" }
  /** The connection has lasted: the next one need not be held back for those before it. */
  | { kind: "steadied" }
  | { kind: "caught_up" }
  | { kind: "end"; end: RunEnd; stay: boolean }
  /** The socket closed, or could not be opened (1006). `retryAfterMs`: the server asks to stay away for so long. */
  | { kind: "closed"; code: number; reason: string; retryAfterMs?: number | null }
  /** What came cannot be trusted or nothing comes any more: a gap, an unreadable line, silence. */
  | { kind: "broken"; reason: string }
  | { kind: "retry" }
  | { kind: "stop" };

/** What the shell does after a move. `wait` for the state's `delayMs`; `drop` closes the socket. */
export type ConnectionAction = "open" | "drop" | "wait" | "drop_and_wait";
export type Step = { state: ConnectionState; action?: ConnectionAction };
export type Chance = { backoff: Backoff; random: () => number };

type StateOf<K extends ConnectionState["kind"]> = Extract<ConnectionState, { kind: K }>;
type EventOf<K extends ConnectionEvent["kind"]> = Extract<ConnectionEvent, { kind: K }>;
type Move<S extends ConnectionState["kind"], E extends ConnectionEvent["kind"]> = (
  state: StateOf<S>,
  event: EventOf<E>,
  chance: Chance,
) => Step;
/** Every state names what every event does to it: a forgotten pair does not compile. */
type Table = { [S in ConnectionState["kind"]]: { [E in ConnectionEvent["kind"]]: Move<S, E> } };

/** The same request would be refused again: not signed in, not allowed, no such run, malformed, too large. */
const FINAL_CLOSE_CODES: ReadonlySet<number> = new Set([4400, 4401, 4403, 4404, 4413]);

export const FIRST_STATE: ConnectionState = { kind: "connecting", attempt: 0, end: null, reason: "" };

const ignore = (state: ConnectionState): Step => ({ state });
const stop = (): Step => ({ state: { kind: "stopped" }, action: "drop" });

const finish = ({ attempt }: Trying, { end, stay }: EventOf<"end">): Step =>
  stay ? { state: { kind: "staying", attempt, end } } : { state: { kind: "ended", end }, action: "drop" };
const steady = <S extends ConnectionState & { attempt: number }>(state: S): Step => ({
  state: state.attempt === 0 ? state : { ...state, attempt: 0 },
});

/**
 * A connection that brought something or lasted resets the count, so the first retry after a long quiet watch is quick again. To have been
 * let in is not enough: a server that greets and closes at once would be called upon without a pause.
 */
function retryLater(
  trying: Trying,
  reason: string,
  chance: Chance,
  action: "wait" | "drop_and_wait",
  retryAfterMs: number | null = null,
): Step {
  const attempt = trying.attempt + 1;
  const delayMs = retryDelayMs(attempt, chance.backoff, chance.random, retryAfterMs);
  return { state: { kind: "waiting", attempt, delayMs, reason, end: trying.end }, action };
}

function afterClose(trying: Trying, event: EventOf<"closed">, chance: Chance): Step {
  const { code, reason, retryAfterMs = null } = event;
  if (FINAL_CLOSE_CODES.has(code)) return { state: { kind: "refused", code, reason } };
  const why = reason === "" ? `closed with ${code}` : reason;
  // A server that announces its restart is back in a moment; one that announces it again and again is not.
  if (code === CLOSE_RESTART && trying.attempt === 0 && retryAfterMs === null) {
    // It has told everybody in the same instant.
    const delayMs = Math.round(chance.random() * chance.backoff.firstMs);
    return { state: { kind: "waiting", attempt: 1, delayMs, reason: why, end: trying.end }, action: "wait" };
  }
  return retryLater(trying, why, chance, "wait", retryAfterMs);
}

const trying = {
  closed: (state: Trying, event: EventOf<"closed">, chance: Chance) => afterClose(state, event, chance),
  broken: (state: Trying, event: EventOf<"broken">, chance: Chance) =>
    retryLater(state, event.reason, chance, "drop_and_wait"),
};
const settled = {
  hello: ignore,
  progressed: ignore,
  steadied: ignore,
  caught_up: ignore,
  end: ignore,
  closed: ignore,
  broken: ignore,
  retry: ignore,
} as const;

const TABLE: Table = {
  connecting: {
    hello: (state, { head }) => ({ state: { kind: "catching_up", head, attempt: state.attempt, end: state.end } }),
    progressed: ignore,
    steadied: ignore,
    caught_up: ignore,
    end: finish,
    ...trying,
    retry: ignore,
    stop,
  },
  catching_up: {
    hello: (state, { head }) => ({ state: { ...state, head } }),
    progressed: steady,
    steadied: steady,
    caught_up: ({ attempt, end }) => ({ state: { kind: "live", attempt, end } }),
    end: finish,
    ...trying,
    retry: ignore,
    stop,
  },
  live: {
    hello: ignore,
    progressed: steady,
    steadied: steady,
    caught_up: ignore,
    end: finish,
    ...trying,
    retry: ignore,
    stop,
  },
  staying: {
    hello: ignore,
    progressed: ignore,
    steadied: steady,
    caught_up: ignore,
    end: ignore,
    // Presence and threads go on after the end, so a cut is mended as before it.
    ...trying,
    retry: ignore,
    stop,
  },
  waiting: {
    hello: ignore,
    progressed: ignore,
    steadied: ignore,
    caught_up: ignore,
    end: ignore,
    closed: ignore,
    broken: ignore,
    retry: ({ attempt, end, reason }) => ({ state: { kind: "connecting", attempt, end, reason }, action: "open" }),
    stop,
  },
  // Final: nothing reopens them. A refusal would only be repeated, and an ended log has nothing more to say.
  ended: { ...settled, stop: ignore },
  refused: { ...settled, stop: ignore },
  stopped: { ...settled, stop: ignore },
};

/** What `event` does to `state`. */
export function step(state: ConnectionState, event: ConnectionEvent, chance: Chance): Step {
  // The one cast: TypeScript cannot follow that the row and the column belong to these very values; `Table` proves it.
  const move = TABLE[state.kind][event.kind] as (s: ConnectionState, e: ConnectionEvent, c: Chance) => Step;
  return move(state, event, chance);
}

/** The connection as its user sees it. */
export type Connection =
  | { kind: "connecting" }
  /** History is being read; `head` is the last sequence there was when it began. */
  | { kind: "catching_up"; head: number }
  | { kind: "live" }
  /** `retryInMs` is 0 while the next connection is being opened. */
  | { kind: "reconnecting"; attempt: number; retryInMs: number; reason: string }
  /** The whole log has been delivered. `attached`: the socket is still open for presence (`stay`). */
  | { kind: "ended"; status: TerminalStatus; lastSequence: number; attached: boolean }
  | { kind: "refused"; code: number; reason: string }
  /** By its user. */
  | { kind: "stopped" };

export function connectionOf(state: ConnectionState): Connection {
  switch (state.kind) {
    case "connecting":
    case "catching_up":
    case "live":
    case "waiting":
      // Once the log is whole, a cut of the socket that stays for presence is no longer news about the log.
      if (state.end !== null) return { kind: "ended", ...state.end, attached: false };
      if (state.kind === "catching_up") return { kind: "catching_up", head: state.head };
      if (state.kind === "live") return { kind: "live" };
      if (state.kind === "connecting" && state.attempt === 0) return { kind: "connecting" };
      return {
        kind: "reconnecting",
        attempt: state.attempt,
        retryInMs: state.kind === "waiting" ? state.delayMs : 0,
        reason: state.reason,
      };
    case "staying":
      return { kind: "ended", ...state.end, attached: true };
    case "ended":
      return { kind: "ended", ...state.end, attached: false };
    case "refused":
      return { kind: "refused", code: state.code, reason: state.reason };
    case "stopped":
      return { kind: "stopped" };
  }
}
