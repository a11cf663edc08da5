import type { Run } from "../../../../protocol/api.ts";
import { formatCount } from "../format/number.ts";
import { formatMoment } from "../format/time.ts";
import { askedLine, type Command } from "../ui/commands.ts";
import { askedMoment } from "./asked-moment.ts";
import { TAB_NAMES, TABS, type Tab } from "./run-tabs.ts";

export type RunCommandFacts = {
  run: Run;
  head: number;
  /** The marked line. */
  target: number | null;
  mayEdit: boolean;
  /** The server's address. */
  origin: string;
};
export type RunActions = {
  showTab: (tab: Tab) => Promise<void>;
  goToLine: (sequence: number) => void;
  goToMoment: (at: string) => void;
  search: () => void;
  goToStart: () => void;
  follow: () => void;
  togglePin: () => void;
  copy: (text: string, what: string) => Promise<void>;
  download: (href: string) => void;
};

/** What can be done on a run's page, for the palette; `query` may ask for a line. */
export function runCommands(facts: RunCommandFacts, act: RunActions, query: string): Command[] {
  const { run, target } = facts;
  const address = `${facts.origin}/runs/${run.run_id}`;
  const events = `/api/runs/${run.run_id}/events?download=true`;
  const command = (group: string, id: string, title: string, does: Command["run"], more: Partial<Command> = {}) => ({
    id,
    title,
    group,
    run: does,
    ...more,
  });
  return [
    ...lineCommand(facts, act, query),
    ...momentCommand(facts, act, query),
    command("Log", "search", "Search the whole log", act.search, { keys: "Ctrl+F", words: "find grep filter level" }),
    command("Log", "start", "Go to the first line", act.goToStart, { keys: "g", words: "top begin home" }),
    command("Log", "follow", "Go to the end and follow", act.follow, { keys: "G", words: "last bottom live tail" }),
    ...(target === null
      ? []
      : [
          command("Copy", "copy-line", `Copy the link to line ${target}`, () =>
            act.copy(`${address}#L${target}`, `The link to line ${target}`),
          ),
        ]),
    command("Copy", "copy-link", "Copy the link to this run", () => act.copy(address, "The link"), {
      words: "share address url",
    }),
    command("Copy", "copy-id", "Copy the run's id", () => act.copy(run.run_id, "The run's id")),
    ...TABS.map((tab, at) =>
      command("View", `tab-${tab}`, `Show ${TAB_NAMES[tab].toLowerCase()}`, () => act.showTab(tab), {
        keys: String(at + 1),
      }),
    ),
    command("Download", "download-events", "Download the events", () => act.download(events), {
      detail: "NDJSON",
      words: "log json",
    }),
    command(
      "Download",
      "download-text",
      "Download the console",
      () => act.download(`${events}&format=text&ansi=strip`),
      { detail: "text", words: "log plain text" },
    ),
    ...(facts.mayEdit
      ? [command("Run", "pin", run.pinned ? "Unpin this run" : "Pin this run", act.togglePin, { keys: "p" })]
      : []),
  ];
}

/** A time alone is a moment. */
function momentCommand({ run, head }: RunCommandFacts, act: RunActions, query: string): Command[] {
  const at = askedMoment(query, run);
  if (at === null || head === 0) return [];
  const title = `Go to ${formatMoment(Date.parse(at))}`;
  return [{ id: "moment", group: "Log", title, words: query, run: () => act.goToMoment(at) }];
}

/** A number alone is a line. */
function lineCommand({ head }: RunCommandFacts, act: RunActions, query: string): Command[] {
  const line = askedLine(query);
  if (line === null || head === 0) return [];
  const to = Math.min(line, head);
  const detail = line > head ? { detail: "the last one" } : {};
  // What is typed is among its words, however it was written.
  const words = `${query} ${line} l${line} #l${line}`;
  return [
    { id: "line", group: "Log", title: `Go to line ${formatCount(to)}`, words, run: () => act.goToLine(to), ...detail },
  ];
}
