import type { Alarm, Clock } from "../ports.ts";
import { backoffMs, earliestDue, type DueFacts } from "./alarm-plan.ts";

/** Keeps the object's one alarm at the earliest thing due. [ALM1] [ALM2] */
export class AlarmKeeper {
  readonly #alarm: Alarm;
  readonly #clock: Clock;
  /** What is due, or null when this object holds no run. */
  readonly #facts: () => DueFacts | null;
  /** Undefined until this object has set it: what the one before it set is not known. */
  #at: number | null | undefined = undefined;
  #failures = 0;

  constructor(ports: { alarm: Alarm; clock: Clock }, facts: () => DueFacts | null) {
    this.#alarm = ports.alarm;
    this.#clock = ports.clock;
    this.#facts = facts;
  }

  arm(): void {
    const facts = this.#facts();
    if (facts === null) return;
    const due = earliestDue(facts);
    // An alarm that comes too early only looks again: moving it with every append would cost a row each time.
    if (due !== null && typeof this.#at === "number" && this.#at <= due) return;
    if (due === null && this.#at === null) return;
    this.#set(due);
  }

  /** It went off, or went with the storage. */
  gone(): void {
    this.#at = null;
  }

  succeeded(): void {
    this.#failures = 0;
    this.arm();
  }

  /** The platform gives an alarm up after a few failures; what is due must be tried for ever. Returns how often it failed in a row. */
  failed(): number {
    this.#failures += 1;
    this.#set(this.#clock.now() + backoffMs(this.#failures));
    return this.#failures;
  }

  #set(at: number | null): void {
    this.#at = at;
    this.#alarm.set(at);
  }
}
