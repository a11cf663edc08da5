import type { Connection } from "../../../../client/connection-state.ts";
import type { RunEvent } from "../../../../protocol/event.ts";
import { textOr } from "../../../../protocol/lenient.ts";
import type { NewToast } from "./toast-list.ts";

type Kind = Connection["kind"];

/** Remembers that the line was cut, and says so once it is back: what was missed meanwhile has been delivered by then. */
export class ConnectionNews {
  #wasCut = false;

  /** What to say now that the connection is `kind`. */
  next(kind: Kind): NewToast | null {
    if (kind === "reconnecting") this.#wasCut = true;
    if (!this.#wasCut || (kind !== "live" && kind !== "ended")) return null;
    this.#wasCut = false;
    return { key: "connection", tone: "good", text: "Reconnected. Nothing was lost." };
  }
}

/** What a line that has just arrived means for those who look; null for nearly all. */
export function newsOf(event: RunEvent): NewToast | null {
  switch (event.type) {
    case "log.degraded":
      return {
        key: `log ${textOr(event.payload["part"], "")}`,
        tone: "warning",
        text: `The ${textOr(event.payload["part"], "archive")} cannot keep up. Every acknowledged line is kept; it is stored there later.`,
      };
    case "log.recovered":
      return {
        key: `log ${textOr(event.payload["part"], "")}`,
        tone: "good",
        text: `The ${textOr(event.payload["part"], "archive")} has caught up. Nothing is missing.`,
      };
    case "producer.lost":
      return {
        key: "producer",
        tone: "warning",
        text: "The producer has gone silent. The run stays open; it may come back.",
      };
    case "producer.returned":
      return { key: "producer", tone: "good", text: "The producer is back." };
    case "control.requested":
      return {
        key: "control",
        tone: "quiet",
        text: `${textOr(event.payload["by"], "Somebody")} asked for this run to be cancelled.`,
      };
    default:
      return null;
  }
}
