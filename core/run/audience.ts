import { ERROR_CODES } from "../../protocol/error-code.ts";
import { isTerminal, type RunStatus, type TerminalStatus } from "../../protocol/event.ts";
import type { RunAddress, RunPorts, Watcher } from "../ports.ts";
import { ArchivedLog, type ArchivedRun } from "./archived-log.ts";
import { FanOut } from "./fan-out.ts";
import { helloWatcher } from "./greetings.ts";
import type { WrittenLine } from "./line-writer.ts";
import { endSha256 } from "./log-hash.ts";
import { LogSource } from "./log-source.ts";
import { Presence } from "./presence.ts";
import type { RunMemory } from "./run-memory.ts";
import { hasExpired, SESSION_EXPIRED } from "./sessions.ts";

export type AudienceHost = {
  /** The run as it is now, or null when this object holds none. */
  memory(): RunMemory | null;
  /** Stored lines of the run cannot be read. */
  damaged(memory: RunMemory): void;
  /** The alarm may have to move. */
  dueChanged(): void;
};

/** A watcher of an emptied object that is behind is looked at so often: nothing else would go on with it after an eviction. */
const LOOK_AGAIN_MS = 60_000;

/** The watchers of a run, while it is open, while it is archived, and when its object is empty. */
export class Audience {
  readonly #ports: RunPorts;
  readonly #host: AudienceHost;
  readonly #fanOut: FanOut;
  readonly #presence: Presence;
  readonly #archived: ArchivedLog;
  #isDeleted = false;
  #hasResumed = false;
  /** As the watchers of an emptied object brought it. */
  #known: ArchivedRun | null = null;

  constructor(ports: RunPorts, host: AudienceHost) {
    this.#ports = ports;
    this.#host = host;
    const source = new LogSource(ports, (run) => this.#damaged(run));
    this.#archived = new ArchivedLog(ports.archive, source);
    this.#presence = new Presence(ports.watchers, ports.timer);
    this.#fanOut = new FanOut(ports, {
      head: () => this.#head(),
      sha256: () => {
        const memory = host.memory();
        if (memory === null) return this.#knownRun()?.sha256 ?? null;
        return memory.isIncomplete ? null : endSha256(ports.log, memory);
      },
      windowAfter: (watcher, sequence) => {
        const memory = host.memory();
        if (memory !== null) return source.windowAfter(memory, sequence);
        const { archived } = watcher.state;
        return archived === null ? null : this.#archived.windowAfter(archived, sequence);
      },
      waitingChanged: () => host.dueChanged(),
      failed: (error) => ports.report("watcher_not_served", { error: String(error) }),
    });
  }

  /** The run of this object when it is archived and the object empty; null when it is not in the archive either. */
  async archivedRun(run: RunAddress): Promise<ArchivedRun | null> {
    const manifest = await this.#ports.archive.readManifest(run);
    // Deleted while it was read: who is let in now would be told of nothing any more.
    if (manifest === null || this.#isDeleted) return null;
    const { runId, workspaceId } = run;
    const sha256 = manifest.damaged === undefined ? manifest.sha256 : null;
    return { runId, workspaceId, status: manifest.status, lastSequence: manifest.events, sha256 };
  }

  /** Greets a watcher and starts it from its position. False when there is no run here, and the watcher brings none. */
  welcome(watcher: Watcher): boolean {
    const { watcherId, archived } = watcher.state;
    const memory = this.#host.memory();
    const known = memory === null ? archived : { runId: memory.identity.runId, ...standingOf(memory) };
    if (known === null) return false;
    watcher.send(helloWatcher(known, watcherId));
    this.#fanOut.serve(watcher);
    this.#presence.changed();
    this.#host.dueChanged();
    return true;
  }

  publish(lines: readonly WrittenLine[]): void {
    this.#fanOut.publish(lines);
  }

  acknowledge(watcher: Watcher, sequence: number): void {
    this.#goOnWhenEmpty();
    this.#fanOut.acknowledge(watcher, sequence);
  }

  look(watcher: Watcher, view: { first: number; last: number; follow: boolean }): void {
    this.#goOnWhenEmpty();
    watcher.keep(Object.assign(watcher.state, { view }));
    this.#presence.changed();
  }

  /** Closes a watcher, and wants nothing more of it. */
  dismiss(watcher: Watcher, code: number, reason: string): void {
    this.#fanOut.dismiss(watcher, code, reason);
  }

  /** Its socket is gone. */
  left(watcherId: string): void {
    this.#fanOut.forget(watcherId);
    this.#presence.changed();
  }

  /** The run was deleted: nobody stays, and nobody is let in any more. */
  close(): void {
    this.#isDeleted = true;
    for (const watcher of this.#ports.watchers.all())
      this.dismiss(watcher, ERROR_CODES.RUN_NOT_FOUND.close, "the run was deleted");
  }

  isBehind(): boolean {
    return this.#ports.watchers.all().some((watcher) => !watcher.state.ended);
  }

  /** When a silent watcher is to be closed, or one that could not be served to be tried again; null: never. */
  dueAt(): number | null {
    const due = this.#fanOut.dueAt();
    if (this.#host.memory() !== null || !this.isBehind()) return due;
    const again = this.#ports.clock.now() + LOOK_AGAIN_MS;
    return due === null ? again : Math.min(due, again);
  }

  /** What the alarm does. */
  wake(): void {
    const now = this.#ports.clock.now();
    for (const watcher of this.#ports.watchers.all())
      if (hasExpired(watcher.state, now)) this.dismiss(watcher, ERROR_CODES.UNAUTHENTICATED.close, SESSION_EXPIRED);
    this.#fanOut.wake();
    if (this.#host.memory() === null) this.#fanOut.resume();
  }

  /** After an eviction nobody else goes on with the watchers that were behind. */
  resume(): void {
    this.#fanOut.resume();
  }

  /** The same for an emptied object, which recalls no run: with the first that is heard. */
  #goOnWhenEmpty(): void {
    if (this.#host.memory() !== null || this.#hasResumed) return;
    this.#hasResumed = true;
    this.#ports.timer.after(0, () => this.#fanOut.resume());
  }

  /** Found while a watcher was fed. Of an emptied object only the index still knows the run. [DMG2] */
  #damaged({ runId }: RunAddress): void {
    const memory = this.#host.memory();
    if (memory !== null) return this.#host.damaged(memory);
    const { index, report } = this.#ports;
    index
      .setIncomplete(runId, true)
      .catch((error: unknown) => report("not_noted_incomplete", { error: String(error) }));
  }

  #head(): { sequence: number; ended: TerminalStatus | null } {
    const memory = this.#host.memory();
    if (memory !== null) {
      const { status, lastSequence } = standingOf(memory);
      return { sequence: lastSequence, ended: isTerminal(status) ? status : null };
    }
    const known = this.#knownRun();
    return { sequence: known?.lastSequence ?? 0, ended: known?.status ?? null };
  }

  /** The archived run of an emptied object. */
  #knownRun(): ArchivedRun | null {
    this.#known ??= this.#ports.watchers.all().find(({ state }) => state.archived !== null)?.state.archived ?? null;
    return this.#known;
  }
}

const standingOf = ({ state }: RunMemory): { status: RunStatus; lastSequence: number } => ({
  status: state.status,
  lastSequence: state.last_sequence,
});
