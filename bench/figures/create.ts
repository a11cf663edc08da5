import type { Figure } from "../figure.ts";
import { askTimes } from "../load/ask-times.ts";
import { runcast } from "../peers/runcast.ts";
import { pick, together } from "../rounds.ts";
import { withServer } from "../servers.ts";

/** R82: creating a run, and the list while runs are open, beside a request that is answered with nothing. */
export const create: Figure = {
  title: "Creating runs, and listing the open ones",
  measure: (bench) =>
    withServer(runcast, async (server) => {
      const times = bench.isSmoke ? 3 : 100;
      const created = await together(bench, async () => ({
        runcast: await askTimes(times, () => server.newLog()),
        "an empty request": await askTimes(times, () => server.text("/api/health")),
      }));
      const listed = await together(bench, async () => ({
        runcast: await askTimes(times, () => server.text("/api/workspaces/default/runs?limit=50")),
        "an empty request": await askTimes(times, () => server.text("/api/health")),
      }));
      return [
        {
          case: "create a run, p95",
          unit: "ms",
          better: "less",
          by: pick(created, ({ p95 }) => p95),
          targets: [{ value: 100 }],
        },
        {
          case: "list 50 of the open runs, p95",
          unit: "ms",
          better: "less",
          by: pick(listed, ({ p95 }) => p95),
          targets: [{ value: 50 }],
        },
      ];
    }),
};
