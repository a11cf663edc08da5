import type { ProducerEvent } from "../../producer-event.ts";

type Kind = "whole" | "section" | "group";
type Step = { id: string; name: string; kind: Kind; startedAt: number };
export type StepStatus = "succeeded" | "failed";

const NAME_CHARS = 200;
const ID_CHARS = 60;

/** The steps that are open, each within the one before. */
export class Steps {
  #open: Step[] = [];
  readonly #uses = new Map<string, number>();

  /** The innermost, which a line belongs to. */
  get current(): string | undefined {
    return this.#open.at(-1)?.id;
  }

  start(name: string, kind: Kind, now: number): ProducerEvent {
    const parent = this.current;
    const step: Step = { id: this.#idFor(name), name: name.slice(0, NAME_CHARS).toWellFormed(), kind, startedAt: now };
    this.#open.push(step);
    return {
      type: "step.started",
      step: step.id,
      payload: { name: step.name, ...(parent === undefined ? {} : { parent }) },
    };
  }

  /** Ends the innermost of a kind, and before it whatever is open within; nothing when none is open. */
  endLast(kind: Kind, now: number): ProducerEvent[] {
    const index = this.#open.findLastIndex((step) => step.kind === kind);
    return index === -1 ? [] : this.#endFrom(index, "succeeded", now);
  }

  /** A section goes on until the next, with all the groups in it. */
  endSection(now: number): ProducerEvent[] {
    const index = this.#open.findIndex(({ kind }) => kind !== "whole");
    return index === -1 ? [] : this.#endFrom(index, "succeeded", now);
  }

  /** What is still open at the end ends as the command did. */
  endAll(status: StepStatus, exitCode: number, now: number): ProducerEvent[] {
    return this.#endFrom(0, status, now, { exit_code: exitCode });
  }

  #endFrom(index: number, status: StepStatus, now: number, more: { exit_code?: number } = {}): ProducerEvent[] {
    return this.#open
      .splice(index)
      .toReversed()
      .map(({ id, startedAt }) => ({
        type: "step.completed",
        step: id,
        payload: { status, duration_ms: Math.max(0, now - startedAt), ...more },
      }));
  }

  /** The name as it stands in a link; with a number from the second of the same name on. */
  #idFor(name: string): string {
    const letters = name.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, "-");
    const slug = letters.replaceAll(/^-+/g, "").slice(0, ID_CHARS).toWellFormed().replaceAll(/-+$/g, "") || "step";
    const uses = (this.#uses.get(slug) ?? 0) + 1;
    this.#uses.set(slug, uses);
    return uses === 1 ? slug : `${slug}-${uses}`;
  }
}
