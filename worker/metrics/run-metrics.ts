import { isTerminal, RUN_STATUSES } from "../../protocol/event.ts";
import type { RunTotals } from "../../storage/d1-run-totals.ts";
import type { LiveNumbers } from "../../storage/live-numbers.ts";
import type { Metric, Sample } from "./exposition.ts";

/** `live` is null when the workspace's live list did not answer. */
export type WorkspaceNumbers = { workspaceId: string; totals: readonly RunTotals[]; live: LiveNumbers | null };

/** Ended runs as D1 has them, open ones as they last told: the same that the list shows. What nobody can say is left out. */
export function runMetrics(workspaces: readonly WorkspaceNumbers[], version: string): Metric[] {
  const perWorkspace = (value: (numbers: WorkspaceNumbers) => number | null): Sample[] =>
    workspaces.flatMap((numbers) => {
      const known = value(numbers);
      return known === null ? [] : [{ labels: { workspace: numbers.workspaceId }, value: known }];
    });
  const ofLive = (field: Exclude<keyof LiveNumbers, "counts">): Sample[] =>
    perWorkspace(({ live }) => (live === null ? null : live[field]));
  return [
    { name: "runcast_build_info", help: "The version that answers.", samples: [{ labels: { version }, value: 1 }] },
    {
      name: "runcast_runs",
      help: "Runs there are, by status.",
      samples: workspaces.flatMap((numbers) =>
        RUN_STATUSES.map((status) => ({
          labels: { workspace: numbers.workspaceId, status },
          value: isTerminal(status) || numbers.live === null ? runsOf(numbers, status) : numbers.live.counts[status],
        })),
      ),
    },
    {
      name: "runcast_events",
      help: "Events stored in the runs there are.",
      samples: perWorkspace((numbers) => sumOf(numbers, "events")),
    },
    {
      name: "runcast_event_bytes",
      help: "Bytes of those events, with their newlines.",
      samples: perWorkspace((numbers) => sumOf(numbers, "bytes")),
    },
    { name: "runcast_watchers", help: "Watchers of open runs, as these last told.", samples: ofLive("watchers") },
    {
      name: "runcast_unflushed_bytes",
      help: "Accepted and not yet in the archive, of open runs, as these last told.",
      samples: ofLive("unflushedBytes"),
    },
    {
      name: "runcast_unreported_runs",
      help: "Open runs whose watchers and unflushed bytes are missing in the two above until their next change.",
      samples: ofLive("unreported"),
    },
    {
      name: "runcast_degraded_runs",
      help: "Open runs whose archive or index refuses writes.",
      samples: ofLive("degraded"),
    },
    { name: "runcast_stale_runs", help: "Open runs whose producer is lost.", samples: ofLive("stale") },
    {
      name: "runcast_live_list_up",
      help: "Whether the live list of the workspace answered; if not, its open runs are as D1 last knew them.",
      samples: perWorkspace(({ live }) => Number(live !== null)),
    },
  ];
}

const runsOf = ({ totals }: WorkspaceNumbers, status: string): number =>
  totals.find((total) => total.status === status)?.runs ?? 0;

function sumOf({ totals, live }: WorkspaceNumbers, field: "events" | "bytes"): number {
  const counted = live === null ? totals : totals.filter(({ status }) => isTerminal(status));
  return counted.reduce((sum, total) => sum + total[field], live?.[field] ?? 0);
}
