import { expect } from "vitest";
import { ApiSocket } from "./api-socket.ts";
import { consoleLine, type Api } from "./api.ts";
import { waitUntil } from "./wait-until.ts";
import { Watcher } from "./watcher.ts";

/** A run that somebody may try to disturb, and two who only look on: at its log, and at the list of runs. */
export class SocketScene {
  readonly runId: string;
  readonly #api: Api;
  readonly #watcher: Watcher;
  readonly #list: ApiSocket;
  /** The head as it was last looked at. */
  #head = 0;

  private constructor(api: Api, runId: string) {
    this.runId = runId;
    this.#api = api;
    this.#watcher = new Watcher(api, runId);
    this.#list = new ApiSocket(api, "/api/workspaces/default/live");
  }

  static async open(api: Api): Promise<SocketScene> {
    const { run_id: runId } = await api.createRun({ name: "open" });
    // It runs already: no line of the server's own will come between.
    await api.add(runId, [{ type: "run.started" }, consoleLine("first")]);
    const scene = new SocketScene(api, runId);
    await scene.#watcher.got("caught_up");
    await scene.#list.op("hello");
    scene.#head = scene.head;
    return scene;
  }

  /** The lines that the watcher was told of. */
  get head(): number {
    return this.#watcher.lines.length;
  }

  async isOpen(): Promise<boolean> {
    return (await this.#api.run(this.runId)).status === "running";
  }

  /** Since this was last asked so many lines came and no more, the watcher has them, and nobody was cut off. */
  async expectGrown(lines: number): Promise<void> {
    const grown = await this.#api.lines(this.runId, `after_sequence=${this.#head}`);
    if (grown.length !== lines)
      throw new Error(`${grown.length} lines came instead of ${lines}, ${grown.at(0)} to ${grown.at(-1)}`);
    this.#head += lines;
    await waitUntil("who looks on has it all", () => this.head >= this.#head || this.#watcher.closing !== null, {
      everyMs: 2,
    });
    expect(this.head).toBe(this.#head);
    if (await this.isOpen()) expect(this.#watcher.closing).toBeNull();
    expect(this.#list.closing).toBeNull();
  }

  /** What the log holds is what was told of it, line by line, from the first. */
  async close(): Promise<void> {
    expect(await this.#api.lines(this.runId)).toEqual(this.#watcher.lines);
    this.#watcher.cut();
    this.#list.close();
  }
}
