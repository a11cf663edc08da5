import { summarySchema, type Summary } from "../../../../protocol/summary.ts";

/** While a run is open its summary is asked for again at most this often. */
const AGAIN_MS = 3_000;

/** The run's summary, read when it is looked at and again as the log grows. */
export class RunSummary {
  summary: Summary | null = $state.raw(null);
  problem: string | null = $state.raw(null);
  readonly #runId: string;
  #readAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(runId: string) {
    this.#runId = runId;
  }

  /** The log has grown. */
  refresh(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#read(), Math.max(0, this.#readAt + AGAIN_MS - Date.now()));
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #read(): Promise<void> {
    this.#readAt = Date.now();
    try {
      const response = await fetch(`/api/runs/${encodeURIComponent(this.#runId)}/summary`);
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      this.summary = summarySchema.parse(await response.json());
      this.problem = null;
    } catch (cause) {
      this.problem = cause instanceof Error ? cause.message : String(cause);
    } finally {
      this.#timer = undefined;
    }
  }
}
