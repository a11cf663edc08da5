import { withResolvers } from "../with-resolvers.ts";

/** A server that takes nothing for this long no longer slows the command down. */
const PATIENCE_MS = 5_000;

/**
 * Whether the command is to wait for the server. Only for one that takes what it is sent: not for one in trouble, nor for one that has let
 * it wait for too long.
 */
export class SlowDown {
  isUseful = true;
  #over = withResolvers<void>();
  #wait: { room: Promise<void>; over: Promise<void> } | null = null;

  begin(): void {
    if (this.isUseful) return;
    this.isUseful = true;
    this.#over = withResolvers<void>();
  }

  end(): void {
    this.isUseful = false;
    this.#over.resolve();
  }

  /** For all the lines that find no room it is one wait. */
  until(room: Promise<void>): Promise<void> {
    if (this.#wait?.room !== room) this.#wait = { room, over: this.#waitFor(room) };
    return this.#wait.over;
  }

  async #waitFor(room: Promise<void>): Promise<void> {
    const patience = setTimeout(() => this.end(), PATIENCE_MS);
    await Promise.race([room, this.#over.promise]);
    clearTimeout(patience);
    this.#wait = null;
  }
}
