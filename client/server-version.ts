import type { Answer } from "./api.ts";

/** Of the API: which version the server is. */
type AsksVersion = { health(signal?: AbortSignal): Promise<Answer<{ version: string }>> };

/**
 * Tells once for each time that the server has become another than it was. `check` at the start and whenever a connection came back: a server is
 * exchanged only by being restarted, and that cuts every connection. Without an answer nothing is told; the next check will.
 */
export class ServerVersion {
  readonly #api: AsksVersion;
  readonly #onChange: (version: string) => void;
  #known: string | null = null;

  constructor(api: AsksVersion, onChange: (version: string) => void) {
    this.#api = api;
    this.#onChange = onChange;
  }

  async check(signal?: AbortSignal): Promise<void> {
    const answer = await this.#api.health(signal);
    if (answer.kind === "problem" || answer.value.version === this.#known) return;
    const isFirst = this.#known === null;
    this.#known = answer.value.version;
    if (!isFirst) this.#onChange(answer.value.version);
  }
}
