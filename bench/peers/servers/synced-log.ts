import { fdatasync, openSync, writev } from "node:fs";
import { promisify } from "node:util";

const write = promisify(writev);
const sync = promisify(fdatasync);

/** A file that lines are appended to. What comes while the disk is busy is written and synced together, as a database would. */
export class SyncedLog {
  readonly path: string;
  readonly #file: number;
  readonly #stored: (body: Buffer) => void;
  #waiting: { body: Buffer; done: () => void }[] = [];
  #isWriting = false;

  /** `stored` is told of each append once it is on the disk, in their order. */
  constructor(path: string, stored: (body: Buffer) => void) {
    this.path = path;
    this.#file = openSync(path, "a");
    this.#stored = stored;
  }

  append(body: Buffer): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ body, done });
      if (!this.#isWriting) this.#writeAll().catch(failed);
    });
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const appends = this.#waiting;
      this.#waiting = [];
      await write(
        this.#file,
        appends.map(({ body }) => body),
      );
      await sync(this.#file);
      for (const { body, done } of appends) {
        this.#stored(body);
        done();
      }
    }
    this.#isWriting = false;
  }
}
