import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { retryDelayMs } from "./backoff.ts";
import { connectionOf, FIRST_STATE, step } from "./connection-state.ts";
import type { ConnectionEvent, ConnectionState } from "./connection-state.ts";

const chance = { backoff: { firstMs: 100, maxMs: 1_000 }, random: () => 1 };
const play = (events: ConnectionEvent[], from: ConnectionState = FIRST_STATE) =>
  events.reduce<{ state: ConnectionState; actions: string[] }>(
    ({ state, actions }, event) => {
      const next = step(state, event, chance);
      return { state: next.state, actions: next.action === undefined ? actions : [...actions, next.action] };
    },
    { state: from, actions: [] },
  );
const hello: ConnectionEvent = { kind: "hello", head: 7 };
const closed = (code: number): ConnectionEvent => ({ kind: "closed", code, reason: "" });
const end = (stay: boolean): ConnectionEvent => ({
  kind: "end",
  end: { status: "failed", lastSequence: 9, sha256: null },
  stay,
});

describe("a watcher's connection", () => {
  test("catches up, goes live, and ends", () => {
    expect(connectionOf(play([hello]).state)).toEqual({ kind: "catching_up", head: 7 });
    expect(connectionOf(play([hello, { kind: "caught_up" }]).state)).toEqual({ kind: "live" });
    const { state, actions } = play([hello, { kind: "caught_up" }, end(false), closed(1000)]);
    expect(connectionOf(state)).toEqual({
      kind: "ended",
      status: "failed",
      lastSequence: 9,
      sha256: null,
      attached: false,
    });
    expect(actions).toEqual(["drop"]);
  });

  test.each([4400, 4401, 4403, 4404])("a close with %d is final", (code) => {
    const { state, actions } = play([hello, closed(code), { kind: "retry" }]);
    expect(state.kind).toBe("refused");
    expect(actions).toEqual([]);
  });

  test.each([1000, 1001, 1006, 1011, 4408, 4429])("a close with %d before the end is mended later", (code) => {
    const { state, actions } = play([hello, { kind: "caught_up" }, closed(code)]);
    expect(connectionOf(state)).toMatchObject({ kind: "reconnecting", attempt: 1, retryInMs: 100 });
    expect(actions).toEqual(["wait"]);
    expect(play([{ kind: "retry" }], state).actions).toEqual(["open"]);
  });

  test("a restart is followed almost at once, but not again and again", () => {
    const restarted = [hello, { kind: "caught_up" }, closed(1012)] as const;
    expect(step(play([hello]).state, closed(1012), { ...chance, random: () => 0 }).state).toMatchObject({ delayMs: 0 });
    const first = play([...restarted]).state;
    expect(first).toMatchObject({ kind: "waiting", delayMs: 100 });
    const second = play([{ kind: "retry" }, hello, closed(1012)], first).state;
    expect(second).toMatchObject({ kind: "waiting", attempt: 2, delayMs: 200 });
  });

  test("waits longer each time nothing came, and starts over when something did", () => {
    const failing = play([closed(1006), { kind: "retry" }, closed(1006), { kind: "retry" }, hello]).state;
    expect(failing).toMatchObject({ attempt: 2 });
    expect(play([closed(1006)], failing).state).toMatchObject({ attempt: 3, delayMs: 400 });
    expect(play([{ kind: "progressed" }, closed(1006)], failing).state).toMatchObject({ attempt: 1, delayMs: 100 });
  });

  test("to be let in and closed at once, again and again, is not to be called upon without a pause", () => {
    const rounds = (greeting: ConnectionEvent[], code: number) => {
      let state = FIRST_STATE;
      return [1, 2, 3, 4, 5].map(() => {
        state = play([...greeting, closed(code)], state).state;
        const { delayMs } = state.kind === "waiting" ? state : { delayMs: null };
        state = play([{ kind: "retry" }], state).state;
        return delayMs;
      });
    };
    for (const code of [1012, 1011]) {
      expect(rounds([hello, { kind: "caught_up" }], code)).toEqual([100, 200, 400, 800, 1_000]);
      expect(rounds([hello, { kind: "caught_up" }, end(true)], code)).toEqual([100, 200, 400, 800, 1_000]);
      expect(rounds([hello, { kind: "caught_up" }, { kind: "steadied" }], code)).toEqual(Array(5).fill(100));
      expect(rounds([hello, { kind: "caught_up" }, end(true), { kind: "steadied" }], code)).toEqual(Array(5).fill(100));
    }
  });

  test("who is asked to wait does, and not in the same instant as all others", () => {
    const asked: ConnectionEvent = { kind: "closed", code: 4429, reason: "", retryAfterMs: 3_000 };
    expect(play([asked]).state).toMatchObject({ kind: "waiting", delayMs: 3_100 });
    expect(step(FIRST_STATE, { ...asked, code: 1012 }, { ...chance, random: () => 0 }).state).toMatchObject({
      delayMs: 3_050,
    });
  });

  test("a gap gives up the connection", () => {
    expect(play([hello, { kind: "broken", reason: "gap" }]).actions).toEqual(["drop_and_wait"]);
  });

  test("one that stays is still ended while it reconnects", () => {
    const cut = play([hello, { kind: "caught_up" }, end(true), closed(1006)]);
    expect(connectionOf(cut.state)).toMatchObject({ kind: "ended", attached: false });
    const back = play([{ kind: "retry" }, hello, { kind: "caught_up" }, end(true)], cut.state);
    expect(connectionOf(back.state)).toMatchObject({ kind: "ended", attached: true });
  });

  test("whatever happens, a final state stays and every wait has an end", () => {
    const events = fc.oneof(
      fc.constantFrom<ConnectionEvent>(
        hello,
        { kind: "progressed" },
        { kind: "steadied" },
        { kind: "caught_up" },
        { kind: "retry" },
        { kind: "stop" },
        { kind: "broken", reason: "x" },
      ),
      fc.boolean().map(end),
      fc.constantFrom(1000, 1006, 1012, 4401, 4404, 4408).map(closed),
    );
    fc.assert(
      fc.property(fc.array(events, { maxLength: 40 }), (history) => {
        let state = FIRST_STATE;
        for (const event of history) {
          const final = state.kind === "ended" || state.kind === "refused" || state.kind === "stopped";
          const next = step(state, event, chance);
          if (final) expect(next).toEqual({ state });
          if (next.state.kind === "waiting" && next.state !== state) {
            expect(next.action).toMatch(/wait$/);
            expect(next.state.delayMs).toBeLessThanOrEqual(chance.backoff.maxMs);
          }
          state = next.state;
        }
      }),
    );
  });
});

test("retries spread over the whole of a doubling span, behind what the server asks for, and never spin", () => {
  const backoff = { firstMs: 100, maxMs: 1_000 };
  expect([1, 2, 3, 4, 5, 99].map((attempt) => retryDelayMs(attempt, backoff, () => 1))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
  expect([1, 3, 99].map((attempt) => retryDelayMs(attempt, backoff, () => 0))).toEqual([50, 50, 50]);
  expect(retryDelayMs(3, backoff, () => 0.5, 2_000)).toBe(2_225);
  expect(retryDelayMs(1, backoff, () => 0, 86_400_000)).toBe(30_050);
});
