import type { Alarm, Clock } from "../ports.ts";
import { backoffMs, earliestDue, type DueFacts } from "./alarm-plan.ts";

/**
 * What is due now is being done now; the alarm only takes over if the object dies over it. Never "now": 2 of 40 runs never ended whose
 * producer came back just as their alarm went off, and none of 200 since. That the alarm was lost between the two is what we infer, not what we saw.
 */
const TAKE_OVER_MS = 1_000;

/** Keeps the object's one alarm at the earliest thing due. [ALM1] [ALM2] */
export class AlarmKeeper {
  readonly #alarm: Alarm;
  readonly #clock: Clock;
  readonly #facts: () => DueFacts;
  /** Undefined until this object has set it: what the one before it set is not known. */
  #at: number | null | undefined = undefined;
  #isWaking = false;
  #failures = 0;

  constructor(ports: { alarm: Alarm; clock: Clock }, facts: () => DueFacts) {
    this.#alarm = ports.alarm;
    this.#clock = ports.clock;
    this.#facts = facts;
  }

  arm(): void {
    // While it is at work nobody moves it: it is set at the end of that, and given again by the platform if that is not reached.
    if (this.#isWaking) return;
    const due = takeOverAt(earliestDue(this.#facts()), this.#clock.now());
    // An alarm that comes too early only looks again: moving it with every append would cost a row each time.
    if (due !== null && typeof this.#at === "number" && this.#at <= due) return;
    if (due === null && this.#at === null) return;
    this.#set(due);
  }

  /** It went off: until `succeeded` or `failed` it stays as it is. */
  wentOff(): void {
    this.#isWaking = true;
    this.#at = null;
  }

  /** It went with the storage. */
  gone(): void {
    this.#at = null;
  }

  succeeded(): void {
    this.#isWaking = false;
    this.#failures = 0;
    this.arm();
  }

  /** The platform gives an alarm up after a few failures; what is due must be tried for ever. Returns how often it failed in a row. */
  failed(): number {
    this.#isWaking = false;
    this.#failures += 1;
    this.#set(this.#clock.now() + backoffMs(this.#failures));
    return this.#failures;
  }

  #set(at: number | null): void {
    this.#at = at;
    this.#alarm.set(at);
  }
}

const takeOverAt = (due: number | null, now: number): number | null =>
  due === null || due > now ? due : now + TAKE_OVER_MS;
