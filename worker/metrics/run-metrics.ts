import { isTerminal, RUN_STATUSES } from "../../protocol/event.ts";
import type { RunTotals } from "../../storage/d1-run-totals.ts";
import type { LiveNumbers } from "../../storage/live-numbers.ts";
import type { Metric, Sample } from "./exposition.ts";

/** `live` is null when the workspace's live list did not answer. */
export type WorkspaceNumbers = {
  workspaceId: string;
  totals: readonly RunTotals[];
  /** Rows of it that cannot be decoded. */
  unreadableRows: number;
  live: LiveNumbers | null;
};

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
    {
      name: "runcast_appends",
      help: "Batches of producers that are stored in the runs there are; of open runs as these last told.",
      samples: perWorkspace((numbers) => sumOf(numbers, "appends")),
    },
    {
      name: "runcast_skipped",
      help: "Lines of logs that readers had to leave out, and rows of runs that lists have to.",
      samples: workspaces.flatMap(({ workspaceId, totals, unreadableRows }) => [
        { labels: { workspace: workspaceId, what: "line" }, value: totalOf(totals, "skipped_lines") },
        { labels: { workspace: workspaceId, what: "run_row" }, value: unreadableRows },
      ]),
    },
    {
      name: "runcast_incomplete_runs",
      help: "Runs whose stored log was found missing or damaged.",
      samples: perWorkspace(({ totals }) => totalOf(totals, "incomplete")),
    },
    { name: "runcast_watchers", help: "Watchers of open runs, as these last told.", samples: ofLive("watchers") },
    {
      name: "runcast_unflushed_bytes",
      help: "Accepted and not yet in the archive, of open runs, as these last told.",
      samples: ofLive("unflushedBytes"),
    },
    {
      name: "runcast_unreported_runs",
      help: "Open runs whose appends, watchers and unflushed bytes are missing in those above until their next change.",
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

function sumOf({ totals, live }: WorkspaceNumbers, field: "events" | "bytes" | "appends"): number {
  const counted = live === null ? totals : totals.filter(({ status }) => isTerminal(status));
  return totalOf(counted, field) + (live?.[field] ?? 0);
}

const totalOf = (
  totals: readonly RunTotals[],
  field: "events" | "bytes" | "appends" | "incomplete" | "skipped_lines",
): number => totals.reduce((sum, total) => sum + total[field], 0);
