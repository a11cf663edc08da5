import type { Command } from "../ui/commands.ts";
import { EVERYTHING, hasStatuses, isEverything, STATUS_CHOICES, type RunsFilter } from "./runs-filter.ts";

/** What can be done on the list, for the palette. */
export function runsCommands(
  filter: RunsFilter,
  setFilter: (filter: RunsFilter) => void | Promise<void>,
  query: string,
): Command[] {
  const group = "Filter";
  return [
    ...(query === ""
      ? []
      : [
          {
            id: "search",
            group,
            title: `Show runs called “${query}”`,
            run: () => setFilter({ ...filter, text: query }),
          },
        ]),
    ...STATUS_CHOICES.filter(({ statuses }) => statuses.length > 0 && !hasStatuses(filter, statuses)).map(
      ({ name, statuses }) => ({
        id: `status-${name}`,
        group,
        title: `Show ${name.toLowerCase()} runs`,
        words: "only status",
        run: () => setFilter({ ...filter, statuses }),
      }),
    ),
    ...(filter.pinned
      ? []
      : [{ id: "pinned", group, title: "Show pinned runs", run: () => setFilter({ ...filter, pinned: true }) }]),
    ...(isEverything(filter)
      ? []
      : [
          {
            id: "everything",
            group,
            title: "Show all runs",
            words: "clear reset no filter",
            run: () => setFilter(EVERYTHING),
          },
        ]),
  ];
}
