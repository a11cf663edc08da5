import { isTerminal } from "../../protocol/event.ts";
import { summaryForEmbedding } from "../../protocol/summary.ts";
import type { Clock, EventLog, RunIndex, Timer, Watchers, WorkspaceFeed } from "../ports.ts";
import { backoffMs } from "./alarm-plan.ts";
import { waitAtMost } from "./wait-at-most.ts";
import { storedRun, type RunMemory } from "./run-memory.ts";

/** Progress reaches the workspace's list this often; a change of status at once. */
const ANNOUNCE_EVERY_MS = 1_000;
/** An append that changes the status waits at most so long for D1: a slow index must not hold up a producer. */
const SETTLE_MS = 2_000;

type Ports = {
  log: EventLog;
  index: RunIndex;
  feed: WorkspaceFeed;
  watchers: Watchers;
  clock: Clock;
  timer: Timer;
  report: (event: string, facts: Record<string, unknown>) => void;
};

/**
 * Keeps D1 and the workspace's live list up with the run. That a row is due is stored with the change itself; the row is made of the run as it
 * is when it is written, and its revision keeps a late write from undoing a newer one. [IDX1]
 */
export class IndexOutbox {
  readonly #ports: Ports;
  readonly #memory: () => RunMemory | null;
  readonly #health: { degraded(error: unknown): void; recovered(): void };
  #failures = 0;
  #retryAt: number | null = null;
  #isAnnouncing = false;

  constructor(
    ports: Ports,
    memory: () => RunMemory | null,
    health: { degraded(error: unknown): void; recovered(): void },
  ) {
    this.#ports = ports;
    this.#memory = memory;
    this.#health = health;
  }

  /** When D1 is to be written: now, after a pause, or never. */
  dueAt(): number | null {
    const memory = this.#memory();
    if (memory === null || !memory.outbox.pending) return null;
    return this.#retryAt ?? this.#ports.clock.now();
  }

  /** Something of the run changed, or of what it weighs: tell the live list soon. */
  changed(): void {
    const known = this.#memory();
    // An ended run tells it once, with its end.
    if (this.#isAnnouncing || known === null || isTerminal(known.state.status)) return;
    this.#isAnnouncing = true;
    this.#ports.timer.after(ANNOUNCE_EVERY_MS, () => {
      this.#isAnnouncing = false;
      const memory = this.#memory();
      if (memory !== null && !isTerminal(memory.state.status)) this.#announce(memory).catch(() => this.#notAnnounced());
    });
  }

  /** Writes the row and tells the list. Throws when D1 does not take it. */
  async write(): Promise<void> {
    const memory = this.#memory();
    if (memory === null) return;
    const { revision } = memory.outbox;
    const summary = isTerminal(memory.state.status) ? summaryForEmbedding(memory.summary) : null;
    await this.#ports.index.upsert({ run: storedRun(memory), revision, summary, appends: memory.appends });
    const now = this.#memory();
    if (now !== null && now.outbox.revision === revision) {
      now.outbox = { revision, pending: false };
      this.#ports.log.putOutbox(now.outbox);
    }
    this.#retryAt = null;
    this.#failures = 0;
    // That it failed is in the log, so another object may have failed before this one.
    this.#health.recovered();
  }

  /** What the alarm does: tries once more when it is time. */
  async retry(): Promise<void> {
    if (!this.#isDue()) return;
    const memory = this.#memory();
    // The end of a run whose producer is lost is brought by no request, which would tell the list of it. [LEASE3]
    const isEnd = memory !== null && isTerminal(memory.state.status);
    const told = isEnd ? this.#announce(memory).catch(() => this.#notAnnounced()) : undefined;
    await Promise.all([told, this.#tryToWrite()]);
  }

  #isDue(): boolean {
    const due = this.dueAt();
    return due !== null && due <= this.#ports.clock.now();
  }

  async #tryToWrite(): Promise<void> {
    if (!this.#isDue()) return;
    try {
      await this.write();
    } catch (error) {
      this.#failures += 1;
      this.#retryAt = this.#ports.clock.now() + backoffMs(this.#failures);
      this.#health.degraded(error);
    }
  }

  /** After a change of status: D1 and the list show it when this resolves, or the alarm goes on. */
  async settle(): Promise<void> {
    const memory = this.#memory();
    if (memory === null || !memory.outbox.pending) return;
    const told = this.#announce(memory).catch(() => this.#notAnnounced());
    await waitAtMost(this.#ports.timer, SETTLE_MS, Promise.all([told, this.#tryToWrite()]));
  }

  #announce(memory: RunMemory): Promise<void> {
    const { hotBytes: unflushedBytes, appends } = memory;
    const load = { watchers: this.#ports.watchers.all().length, unflushedBytes, appends };
    return this.#ports.feed.publish(storedRun(memory), memory.outbox.revision, load);
  }

  /** The list shows the run again with its next change; D1 has its status meanwhile. */
  #notAnnounced(): void {
    this.#ports.report("list_not_told", {});
  }
}
