import type { LOG_LEVELS } from "../../../protocol/event.ts";
import { cutText } from "../../../protocol/ndjson.ts";
import type { ProducerEvent } from "../../producer-event.ts";
import type { Masks } from "../masking/masks.ts";
import { linesOf } from "../masking/secret-names.ts";
import { mayBecomeHeader, sectionName } from "./section-header.ts";
import { Steps } from "./steps.ts";
import type { StepStatus } from "./steps.ts";
import { isResumeOf, mayBecomeCommand, parseWorkflowCommand } from "./workflow-command.ts";
import type { WorkflowCommand } from "./workflow-command.ts";

export type Stream = "stdout" | "stderr";
export type Level = (typeof LOG_LEVELS)[number];
/** What a whole line says besides being a line. */
export type Reading =
  /** It names a secret: it is not sent. */
  { kind: "hidden" } | { kind: "line"; before: ProducerEvent[]; after: ProducerEvent[]; level?: Level };

const PLAIN: Reading = { kind: "line", before: [], after: [] };
/** Of a secret with several lines, a shorter one (`}`) would be found all over the log. */
const MASKED_LINE_MIN_CHARS = 3;
/** So that an event of several texts fits into a line, however they are escaped. */
const TEXT_CHARS = 5_000;
const LEVELS: Readonly<Record<string, Level>> = { error: "error", warning: "warning", notice: "info", debug: "debug" };

/**
 * Lines by which a job says what it does: GitHub's `::commands::` and Buildkite's `--- sections`. Each stays a line of the log as well, but
 * for the one that names a secret.
 */
export class Markers {
  readonly #masks: Masks;
  readonly #steps = new Steps();
  /** Off: only secrets are looked for. */
  readonly #isOn: boolean;
  #stoppedUntil: string | null = null;

  constructor(masks: Masks, isOn: boolean) {
    this.#masks = masks;
    this.#isOn = isOn;
  }

  /** The step that lines belong to now. */
  get step(): string | undefined {
    return this.#steps.current;
  }

  /** A step around everything. */
  begin(name: string, now: number): ProducerEvent[] {
    return this.#steps.start(this.#masks.text(name), "whole", now);
  }

  end(status: StepStatus, exitCode: number, now: number): ProducerEvent[] {
    return this.#steps.endAll(status, exitCode, now);
  }

  /** Could the beginning of a line still become a marker? Then it is not sent before its end has come. */
  mayRead(stream: Stream, start: string): boolean {
    return mayBecomeCommand(start) || (this.#isOn && stream === "stdout" && mayBecomeHeader(start));
  }

  read(stream: Stream, line: string, now: number): Reading {
    if (this.#stoppedUntil !== null) {
      if (isResumeOf(line, this.#stoppedUntil)) this.#stoppedUntil = null;
      return PLAIN;
    }
    // Most lines are none, and are to cost nothing.
    const command = line.includes("::") ? parseWorkflowCommand(line) : null;
    if (command?.name === "add-mask") return this.#mask(command.message);
    if (!this.#isOn) return PLAIN;
    if (command?.name === "stop-commands" && command.message !== "") {
      this.#stoppedUntil = command.message;
      return PLAIN;
    }
    // Events are made of what may be sent.
    if (command !== null) return this.#obey(parseWorkflowCommand(this.#masks.text(line)) ?? command, now);
    // What a shell traces (`+++ command`) goes to standard error and is no section.
    const section = stream === "stdout" ? sectionName(line) : null;
    return section === null ? PLAIN : this.#startSection(section, now);
  }

  #mask(secret: string): Reading {
    const lines = linesOf(secret).filter((line) => line !== "");
    this.#masks.add(...(lines.length > 1 ? lines.filter(({ length }) => length >= MASKED_LINE_MIN_CHARS) : lines));
    return { kind: "hidden" };
  }

  #startSection(name: string, now: number): Reading {
    const ended = this.#steps.endSection(now);
    return {
      kind: "line",
      before: [...ended, ...this.#steps.start(this.#masks.text(name), "section", now)],
      after: [],
    };
  }

  #obey(command: WorkflowCommand, now: number): Reading {
    switch (command.name) {
      case "group": {
        const name = this.#masks.text(command.message.trim() || "group");
        return { kind: "line", before: this.#steps.start(name, "group", now), after: [] };
      }
      case "endgroup":
        return { kind: "line", before: [], after: this.#steps.endGroup(now) };
      case "error":
      case "warning":
      case "notice": {
        const level = LEVELS[command.name] ?? "info";
        return { kind: "line", before: [], after: [this.#sendable(issueOf(command, level), this.step)], level };
      }
      case "debug":
        return { kind: "line", before: [], after: [], level: "debug" };
      case "metric": {
        const metric = metricOf(command);
        return { kind: "line", before: [], after: metric === null ? [] : [this.#sendable(metric, this.step)] };
      }
      default:
        // A command of GitHub's that says nothing about a run, such as set-output.
        return PLAIN;
    }
  }

  /** Masked once more, because an escape (`%3A`) may have hidden a secret. */
  #sendable(event: ProducerEvent, step: string | undefined): ProducerEvent {
    const { type, payload = {} } = this.#masks.value(event);
    const bounded = Object.entries(payload).map(([name, value]) => [
      name,
      typeof value === "string" ? cutText(value, TEXT_CHARS) : value,
    ]);
    return { type, payload: Object.fromEntries(bounded), ...(step === undefined ? {} : { step }) };
  }
}

function issueOf({ name, properties, message }: WorkflowCommand, severity: Level): ProducerEvent {
  const { file, title, code } = properties;
  const places = {
    line: naturalNumber(properties["line"]),
    column: naturalNumber(properties["col"]),
    end_line: naturalNumber(properties["endLine"]),
    end_column: naturalNumber(properties["endColumn"]),
  };
  return {
    type: "run.validation.issue",
    payload: {
      severity,
      code: code ?? title ?? name,
      message,
      ...(title === undefined ? {} : { title }),
      ...(file === undefined ? {} : { file }),
      ...Object.fromEntries(Object.entries(places).filter(([, place]) => place !== undefined)),
    },
  };
}

function metricOf({ properties }: WorkflowCommand): ProducerEvent | null {
  const { name, unit } = properties;
  const value = finiteNumber(properties["value"]);
  const at = finiteNumber(properties["at"]);
  if (name === undefined || name === "" || value === undefined) return null;
  return {
    type: "metric.recorded",
    payload: { name, value, ...(unit === undefined ? {} : { unit }), ...(at === undefined ? {} : { at }) },
  };
}

function finiteNumber(text: string | undefined): number | undefined {
  const number = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
}

function naturalNumber(text: string | undefined): number | undefined {
  const number = finiteNumber(text);
  return number !== undefined && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}
