/** What was begun and is not waited for, by what it is: when something of it never ends one wants to know what. */
export class UnderWay {
  readonly #works = new Map<symbol, { what: string; over: Promise<void> }>();

  /** The server may be killed under it: that it got no answer is no fault. */
  add(what: string, work: Promise<unknown>): void {
    const id = Symbol(what);
    const over = (): void => void this.#works.delete(id);
    this.#works.set(id, { what, over: work.then(over, over) });
  }

  async over(): Promise<void> {
    await Promise.all([...this.#works.values()].map(({ over }) => over));
  }

  names(): string {
    return [...this.#works.values()].map(({ what }) => what).join(", ");
  }
}
