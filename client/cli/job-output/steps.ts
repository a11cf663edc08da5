import type { ProducerEvent } from "../../producer-event.ts";

type Kind = "whole" | "section" | "group";
type Step = { id: string; name: string; kind: Kind; startedAt: number };
export type StepStatus = "succeeded" | "failed";

const NAME_CHARS = 200;
const ID_CHARS = 60;
/** A job that opens groups and never closes them must not be remembered for ever: deeper ones are only lines. */
const MAX_DEPTH = 100;
/** So many steps are called by their names. */
const MAX_NAMES = 10_000;

/** The steps that are open, each within the one before. */
export class Steps {
  #open: Step[] = [];
  /** Groups beyond the depth, whose ends are still to come. */
  #tooDeep = 0;
  readonly #ids = new Set<string>();
  /** Steps beyond the names that are told apart. */
  #more = 0;

  /** The innermost, which a line belongs to. */
  get current(): string | undefined {
    return this.#open.at(-1)?.id;
  }

  start(name: string, kind: Kind, now: number): ProducerEvent[] {
    if (this.#open.length >= MAX_DEPTH) {
      this.#tooDeep += 1;
      return [];
    }
    const parent = this.current;
    const step: Step = { id: this.#idFor(name), name: name.slice(0, NAME_CHARS).toWellFormed(), kind, startedAt: now };
    this.#open.push(step);
    const payload = { name: step.name, ...(parent === undefined ? {} : { parent }) };
    return [{ type: "step.started", step: step.id, payload }];
  }

  /** Ends the innermost group; nothing when none is open. */
  endGroup(now: number): ProducerEvent[] {
    if (this.#tooDeep > 0) {
      this.#tooDeep -= 1;
      return [];
    }
    const index = this.#open.findLastIndex(({ kind }) => kind === "group");
    return index === -1 ? [] : this.#endFrom(index, "succeeded", now);
  }

  /** A section goes on until the next, with all the groups in it. */
  endSection(now: number): ProducerEvent[] {
    this.#tooDeep = 0;
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
    if (this.#ids.size >= MAX_NAMES) return `more-${(this.#more += 1)}`;
    let id = slug;
    // "Test 2" may be a name of its own, or the second "Test".
    for (let number = 2; this.#ids.has(id); number += 1) id = `${slug}-${number}`;
    this.#ids.add(id);
    return id;
  }
}
