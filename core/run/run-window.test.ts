import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FakeWatchers, type FakeClient } from "../../test/fakes/fake-watchers.ts";
import { runs } from "../../test/simulation/settings.ts";
import { acknowledged, newWatcher, sent } from "./flow-control.ts";
import { RunWindow } from "./run-window.ts";

type Step = { do: "come" | "send" | "acknowledge" | "leave" | "leave_again" | "evict"; at: number; bytes: number };
const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom("come", "send", "send", "acknowledge", "leave", "leave_again", "evict"),
  at: fc.nat(5),
  bytes: fc.integer({ min: 1, max: 70_000 }),
});

test("[FLOW5] the running total is the sum of what each watcher has outstanding, however they come, go, and are forgotten", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const watchers = new FakeWatchers();
      let window = new RunWindow(watchers);
      const clients: FakeClient[] = [];
      const gone: string[] = [];
      let sequence = 0;
      for (const { do: what, at, bytes } of steps) {
        const client = clients[at % Math.max(1, clients.length)];
        const watcher = client === undefined ? null : watchers.of(client);
        if (what === "come") {
          const query = { afterSequence: 0, types: null, stay: false };
          const state = newWatcher(`${clients.length}`, { id: "w", name: "W" }, query, null, null);
          clients.push(watchers.accept(state).client);
        } else if (what === "evict") {
          watchers.hibernate();
          window = new RunWindow(watchers);
        } else if (what === "leave_again") {
          for (const id of gone) window.gone(id);
        } else if (watcher !== null && client !== undefined) {
          const { state } = watcher;
          if (what === "send") sent(state.window, (sequence += 1), bytes);
          if (what === "acknowledge") acknowledged(state.window, Math.floor(sequence * (bytes / 70_000)));
          if (what === "leave") {
            watchers.remove(client);
            window.gone(state.watcherId);
            gone.push(state.watcherId);
          } else {
            watcher.keep(state);
            window.changed(state);
          }
        }
        const sum = watchers.all().reduce((total, { state }) => total + state.window.outstandingBytes, 0);
        expect(window.total()).toBe(sum);
      }
    }),
    runs(300),
  );
});
