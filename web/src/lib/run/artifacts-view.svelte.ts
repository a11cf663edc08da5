import type { RuncastApi } from "../../../../client/api.ts";
import type { Artifact } from "../../../../protocol/api.ts";

/** The files a run has left, as its server lists them. */
export class ArtifactsView {
  items: readonly Artifact[] | null = $state.raw(null);
  problem: string | null = $state.raw(null);
  readonly #api: RuncastApi;
  readonly #runId: string;
  readonly #stopped = new AbortController();

  constructor(api: RuncastApi, runId: string) {
    this.#api = api;
    this.#runId = runId;
  }

  async load(): Promise<void> {
    const answer = await this.#api.listArtifacts(this.#runId, this.#stopped.signal);
    if (this.#stopped.signal.aborted) return;
    if (answer.kind === "ok") this.items = answer.value.items;
    this.problem = answer.kind === "ok" ? null : answer.problem.detail;
  }

  close(): void {
    this.#stopped.abort();
  }
}
