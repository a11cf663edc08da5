import type { Refusal } from "../../protocol/error-code.ts";
import type { StoredRun } from "../ports.ts";
import type { EditCommand } from "./commands.ts";

/** What people may change of a run. It is beside the log, not in it: the log keeps what the run was made with. */
export type Details = Pick<StoredRun, "name" | "labels" | "pinned">;

export const detailsOf = ({ name, labels, pinned }: Details): Details => ({ name, labels, pinned });

/** The details as one text: equal details give equal texts, whatever the order of their labels. */
export const detailsText = ({ name, labels, pinned }: Details): string =>
  JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)), pinned]);

export type EditDecision =
  | { kind: "edited"; details: Details }
  | { kind: "unchanged" }
  | { kind: "refused"; refusal: Refusal };

/** What an edit makes of the details there are. One that was made for other details changes nothing. [EDIT2] */
export function decideEdit(details: Details, { change, expected }: EditCommand): EditDecision {
  if (expected !== null && detailsText(expected) !== detailsText(details)) {
    const detail = "The run was edited since you read it. Read it again, and send its new ETag as If-Match.";
    return { kind: "refused", refusal: { code: "PRECONDITION_FAILED", detail } };
  }
  const edited: Details = {
    name: change.name === undefined ? details.name : change.name,
    labels: change.labels ?? details.labels,
    pinned: change.pinned ?? details.pinned,
  };
  return detailsText(edited) === detailsText(details) ? { kind: "unchanged" } : { kind: "edited", details: edited };
}
