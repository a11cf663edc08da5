import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, expect } from "vitest";
import { draftEvent } from "../../protocol/ndjson.ts";
import { NodeWebSocket } from "../node-web-socket.ts";
import { watchRun } from "../watch-run.ts";
import type { RunWatch, WatchedLine, WatchRunOptions } from "../watch-run.ts";
import type { MemoryRun } from "./memory-run.ts";
import { MemoryServer } from "./memory-server.ts";

export const QUICK = { firstRetryMs: 5, maxRetryMs: 40, ackWithinMs: 20 };

/** For the tests that follow: each has a server and a run of its own, writes it, and watches it. */
export function watchedRun({ blocksSockets = false } = {}) {
  let server: MemoryServer;
  let run: MemoryRun;
  let batch = 0;

  const newRun = () => {
    run = server.addRun();
    batch = 0;
    server.blocksSockets = blocksSockets;
  };
  beforeEach(async () => {
    server = await MemoryServer.start();
    newRun();
  });
  afterEach(() => server.down());

  const say = (...messages: string[]): void => {
    batch += 1;
    const drafts = messages.map((message) => draftEvent("console.line", null, { stream: "stdout", message }));
    run.append({ id: "p", epoch: 0, sequence: batch }, drafts, null);
  };
  const finish = (): void =>
    run.complete({ status: "succeeded", exit_code: 0, failure: null, createdAtMs: null, source: null, step: null });
  const options = (more: Partial<WatchRunOptions> = {}): WatchRunOptions => ({
    url: server.url,
    runId: run.runId,
    token: server.token,
    webSocket: NodeWebSocket,
    timing: QUICK,
    onLines: () => {},
    ...more,
  });
  const collect = (
    more: Partial<WatchRunOptions> = {},
  ): { watch: RunWatch; lines: WatchedLine[]; states: string[] } => {
    const lines: WatchedLine[] = [];
    const states: string[] = [];
    const watch = watchRun(
      options({
        onLines: (some) => void lines.push(...some),
        onState: ({ kind }) => states.push(kind),
        ...more,
      }),
    );
    return { watch, lines, states };
  };

  /** Lines are written, the watcher is slow now and then, and any of these happens: each line is handled once, in order. */
  const expectEachLineOnce = async (happenings: Record<string, () => void>): Promise<void> => {
    const names = Object.keys(happenings);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("say", "say", "slow", "pause", ...names), { minLength: 5, maxLength: 40 }),
        async (steps) => {
          newRun();
          let slow = false;
          const sequences: number[] = [];
          const { watch } = collect({
            onLines: async (lines) => {
              if (slow) await sleep(3);
              sequences.push(...lines.map(({ sequence }) => sequence));
            },
          });
          for (const step of steps) {
            if (step === "say") say("x".repeat(100), "ü");
            if (step === "slow") slow = !slow;
            if (step === "pause") await sleep(5);
            happenings[step]?.();
          }
          finish();
          await watch.finished;
          expect(sequences).toEqual(run.lines.map(({ sequence }) => sequence));
        },
      ),
      { numRuns: 40 },
    );
  };

  return {
    get server() {
      return server;
    },
    get run() {
      return run;
    },
    say,
    finish,
    options,
    collect,
    expectEachLineOnce,
  };
}
