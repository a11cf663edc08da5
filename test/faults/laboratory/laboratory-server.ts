import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { bundleWorker } from "../../../local/build.ts";
import { DIST, ROOT } from "../../../local/state-folder.ts";
import { Api } from "../../support/api.ts";
import { startServer, type ServerProcess } from "../../support/server-process.ts";
import { NO_FAULTS, type FaultCounts, type FaultSettings } from "./binding-faults.ts";
import { storedKeys, type StoredKey } from "./stored-layout.ts";

/** What is stored may keep a server from starting again: that is found soon. A start takes about a second. */
const START_MS = 30_000;

/** The server of the laboratory: the real one over bindings that go wrong, to be killed, started again, and looked into. */
export class LaboratoryServer {
  readonly api: Api;
  readonly counts: FaultCounts = { r2: { ...NO_FAULTS }, d1: { ...NO_FAULTS } };
  settings: FaultSettings = { seed: 1, r2: NO_FAULTS, d1: NO_FAULTS, clockOffsetMs: 0 };
  #server: ServerProcess;

  private constructor(server: ServerProcess) {
    this.#server = server;
    this.api = new Api(server.url, server.token);
  }

  static async start(bundle: string): Promise<LaboratoryServer> {
    const server = await startServer({
      script: "test/faults/laboratory/serve.ts",
      environment: { RUNCAST_LABORATORY_BUNDLE: bundle },
      startMs: START_MS,
    });
    return new LaboratoryServer(server);
  }

  get data(): string {
    return this.#server.data;
  }

  /** Between the kill and the next start, `whileDown` looks at what is stored. */
  async killAndRestart(whileDown: () => void): Promise<void> {
    await this.#collectCounts();
    await this.#server.killGroup();
    whileDown();
    this.#server = await this.#server.restart();
    await this.set(this.settings);
  }

  /** From here on the bindings go wrong so often, and the clock is so far off. */
  async set(settings: FaultSettings): Promise<void> {
    this.settings = settings;
    for (let tries = 0; ; tries += 1) {
      const answer = await this.api
        .ask("PUT", "/laboratory", { body: settings, timeoutMs: 5_000 })
        .catch((error: unknown) => String(error));
      if (typeof answer !== "string" && answer.status === 200) return;
      if (tries === 3) throw new Error(`the server does not answer any more: ${JSON.stringify(answer)}`);
      await sleep(200);
    }
  }

  /** Takes a run's object out of memory as soon as nothing is under way in it, its sockets stay. False: it was not in memory. */
  async evict(runId: string): Promise<boolean> {
    const answer = await fetch(`${this.#server.controlUrl}/?run=${runId}`, { method: "POST" });
    return answer.status === 200;
  }

  /** Takes it out of memory at once, whatever is under way, and its sockets with it. */
  async crash(runId: string): Promise<void> {
    await this.api.ask("POST", `/laboratory?crash=${runId}`, { timeoutMs: 5_000 });
  }

  /** What R2 has of a run. The server is asked: who opened its database beside it would keep it from its locks. */
  async keys(runId: string): Promise<StoredKey[]> {
    const prefix = encodeURIComponent(`workspaces/default/runs/${runId}/`);
    const answer = await this.api.ask("GET", `/laboratory?prefix=${prefix}`, { timeoutMs: 5_000 });
    if (answer.status !== 200) throw new Error(`the keys of a run: ${answer.status} ${answer.text}`);
    return answer.json<StoredKey[]>();
  }

  /** The same while the server is down. */
  keysWhileDown(runId: string): StoredKey[] {
    return storedKeys(this.data, `workspaces/default/runs/${runId}/`);
  }

  readStored = async (runId: string, key: string): Promise<string | null> => {
    const path = `workspaces/default/runs/${runId}/${key}`;
    const answer = await this.api.ask("GET", `/laboratory?key=${encodeURIComponent(path)}`);
    return answer.status === 200 ? answer.text : null;
  };

  output(): { stdout: string; stderr: string } {
    return this.#server.output();
  }

  async stop(): Promise<void> {
    await this.#collectCounts();
    await this.#server.stop();
  }

  /** They are in the memory of what is about to be killed. */
  async #collectCounts(): Promise<void> {
    const answer = await this.api.ask("GET", "/laboratory", { timeoutMs: 2_000 }).catch(() => null);
    if (answer?.status !== 200) return;
    const { r2, d1 } = answer.json<FaultCounts>();
    for (const kind of ["fail", "hang", "failAfter"] as const) {
      this.counts.r2[kind] += r2[kind];
      this.counts.d1[kind] += d1[kind];
    }
  }
}

/** The Worker with the laboratory's entry; `planted` is a bug that is put into it. */
export async function bundleLaboratory(planted: Parameters<typeof bundleWorker>[2] = []): Promise<string> {
  // Beside the real one: workerd takes no module from outside of the repository.
  const bundle = join(DIST, "laboratory-worker.js");
  await bundleWorker(join(ROOT, "test/workerd/faulty-worker.ts"), bundle, planted);
  return bundle;
}
