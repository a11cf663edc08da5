import { membersOf } from "../../../../client/json-text.ts";
import type { RunEvent } from "../../../../protocol/event.ts";
import { numberOr, recordOrEmpty, textOr } from "../../../../protocol/lenient.ts";
import { formatSpan } from "../format/duration.ts";
import { formatBytes, formatCount, formatNumber, formatPercent } from "../format/number.ts";

/** Colour of an event's row; always with a mark, never alone. */
export type Tone = "quiet" | "plain" | "running" | "good" | "bad" | "warning";
export type EventDescription = { mark: string; text: string; tone: Tone; percent: number | null };

/** A row is for reading along; the whole payload is one click away. */
const TEXT_CHARACTERS = 400;

/** What an event that is not console output says in one row; `line` is the event as it came. Never throws: it shows what it finds. */
export function describeEvent(event: RunEvent, line: string): EventDescription {
  const described = describe(event, event.payload, line);
  return {
    mark: described.mark ?? "·",
    text: oneLine(described.text).slice(0, TEXT_CHARACTERS),
    tone: described.tone ?? "plain",
    percent: described.percent ?? null,
  };
}

type Draft = { text: string; mark?: string; tone?: Tone; percent?: number | null };

function describe(event: RunEvent, payload: Record<string, unknown>, line: string): Draft {
  const text = (key: string): string => textOr(payload[key], "");
  const duration = (): string => {
    const ms = numberOr(payload["duration_ms"], null);
    return ms === null ? "" : formatSpan(ms);
  };
  switch (event.type) {
    case "run.queued":
      return { mark: "○", tone: "quiet", text: words("queued", by(text("queued_by"))) };
    case "build.started":
      return { mark: "▸", tone: "running", text: words("building", text("reason")) };
    case "build.completed":
      return { ...endOf(text("status")), text: dotted(words("build", text("status")), duration()) };
    case "run.started":
      return { mark: "▸", tone: "running", text: words("started", commandOf(payload["command"]), on(text("host"))) };
    case "run.progress":
      return describeProgress(payload);
    case "step.started":
      return { mark: "▸", tone: "running", text: words(text("name")) };
    case "step.completed":
      return { ...endOf(text("status")), text: dotted(words(event.step ?? "step", text("status")), duration()) };
    case "metric.recorded":
      return { mark: "∿", tone: "quiet", text: words(text("name"), formatValue(payload["value"]), text("unit")) };
    case "run.validation.issue":
      return {
        ...issueOf(text("severity")),
        // A producer that has no codes says the severity twice.
        text: words(
          text("severity"),
          text("code") === text("severity") ? "" : text("code"),
          text("message"),
          placeOf(payload),
        ),
      };
    case "run.table.summary":
      return { mark: "▦", text: words(text("table_id"), `${formatValue(payload["row_count"])} rows`) };
    case "run.error":
      return {
        mark: "✗",
        tone: "bad",
        text: words(text("code"), text("message"), text("stage") === "" ? "" : `in ${text("stage")}`),
      };
    case "artifact.created":
      return { mark: "⇩", text: words("artifact", text("name"), formatBytes(numberOr(payload["bytes"], 0))) };
    case "control.requested":
      return {
        mark: "!",
        tone: "warning",
        text: dotted(words(text("action"), "asked for", by(text("by"))), text("reason")),
      };
    case "control.acknowledged":
      return { mark: "!", tone: "quiet", text: words("the producer answered:", text("outcome")) };
    case "producer.lost":
      return { mark: "!", tone: "warning", text: "the producer has gone silent; the run stays open" };
    case "producer.returned":
      return { mark: "▸", tone: "good", text: "the producer is back" };
    case "log.degraded":
      return { mark: "!", tone: "warning", text: words("the", text("part"), "cannot keep up; every line is kept") };
    case "log.recovered":
      return { mark: "✓", tone: "good", text: words("the", text("part"), "has caught up") };
    case "run.completed":
      return describeEnd(payload);
    default:
      // Its numbers with the digits they came with.
      return { tone: "quiet", text: words(event.type, event.step ?? "", membersOf(line).get("payload") ?? "") };
  }
}

function describeProgress(payload: Record<string, unknown>): Draft {
  const percent = numberOr(payload["percent"], null);
  const done = numberOr(payload["items_processed"], null);
  const total = numberOr(payload["items_total"], null);
  const items =
    done === null ? "" : total === null ? formatCount(done) : `${formatCount(done)} / ${formatCount(total)}`;
  const text = dotted(percent === null ? "" : formatPercent(percent), items, textOr(payload["message"], ""));
  return {
    mark: "▹",
    tone: "quiet",
    percent: percent ?? (done !== null && total !== null && total > 0 ? (100 * done) / total : null),
    text,
  };
}

function describeEnd(payload: Record<string, unknown>): Draft {
  const status = textOr(payload["status"], "");
  const execution = recordOrEmpty(payload["execution"]);
  const failure = recordOrEmpty(payload["failure"]);
  const exitCode = numberOr(execution["exit_code"], null);
  const ms = numberOr(execution["duration_ms"], null);
  return {
    ...endOf(status),
    text: dotted(
      status,
      exitCode === null ? "" : `exit ${exitCode}`,
      words(textOr(failure["code"], ""), textOr(failure["message"], "")),
      ms === null ? "" : formatSpan(ms),
    ),
  };
}

function endOf(status: string): { mark: string; tone: Tone } {
  if (status === "succeeded") return { mark: "✓", tone: "good" };
  if (status === "failed") return { mark: "✗", tone: "bad" };
  if (status === "cancelled") return { mark: "⊘", tone: "warning" };
  return { mark: "–", tone: "quiet" };
}

function issueOf(severity: string): { mark: string; tone: Tone } {
  if (severity === "error" || severity === "critical") return { mark: "✗", tone: "bad" };
  return { mark: severity === "warning" ? "!" : "·", tone: severity === "warning" ? "warning" : "quiet" };
}

function placeOf(payload: Record<string, unknown>): string {
  const file = textOr(payload["file"], "");
  const line = numberOr(payload["line"], null);
  const column = numberOr(payload["column"], null);
  return [file, line, column].filter((part) => part !== null && part !== "").join(":");
}

const commandOf = (command: unknown): string => (Array.isArray(command) ? command.join(" ") : textOr(command, ""));
const by = (name: string): string => (name === "" ? "" : `by ${name}`);
const on = (host: string): string => (host === "" ? "" : `on ${host}`);
const words = (...parts: string[]): string => parts.filter((part) => part !== "").join(" ");
/** Facts that stand beside each other. */
const dotted = (...parts: string[]): string => parts.filter((part) => part !== "").join(" · ");
const oneLine = (text: string): string => text.replace(/\s+/g, " ");

const formatValue = (value: unknown): string => (typeof value === "number" ? formatNumber(value) : "");
