/** What a request can wait for. `auth` includes what D1 was asked for it. */
export type TimedPart = "auth" | "d1" | "object" | "r2";

/** How long one request waited for each part; what was waited for at the same time is added up. */
export class Timings {
  readonly #startedAt = performance.now();
  readonly #msByPart = new Map<TimedPart, number>();

  async measure<Answer>(part: TimedPart, ask: () => Answer | PromiseLike<Answer>): Promise<Answer> {
    const startedAt = performance.now();
    try {
      return await ask();
    } finally {
      this.#msByPart.set(part, (this.#msByPart.get(part) ?? 0) + performance.now() - startedAt);
    }
  }

  totalMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** The value of a Server-Timing header. Whom nobody knows learns only what a stopwatch tells. */
  header(withParts: boolean): string {
    const parts = withParts ? [...this.#msByPart] : [];
    return [...parts, ["total", this.totalMs()] as const]
      .map(([part, ms]) => `${part};dur=${ms.toFixed(1)}`)
      .join(", ");
  }
}
