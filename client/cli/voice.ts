import { paintFor } from "./terminal.ts";

/** What a script may want to know of a run, beside the words for people. */
export type Report =
  | { event: "watching"; run_id: string; watch_url: string }
  | {
      event: "ended";
      run_id: string | null;
      status: string;
      exit_code: number;
      delivered: boolean;
      lines_lost: number;
      /** On disk, for `runcast resume`. */
      lines_kept: number;
    };

/** What we say about ourselves: on standard error, which the command's own output is never mixed with. */
export class Voice {
  readonly #isJson: boolean;
  /** The command's last line has no end yet: ours must not be glued to it. */
  #isMidLine = false;

  /** `isJson`: one JSON object a line. */
  constructor(isJson: boolean) {
    this.#isJson = isJson;
  }

  /** What stands before our next words. */
  noteShown(stream: "stdout" | "stderr", bytes: Uint8Array): void {
    if (stream === "stderr" || (process.stdout.isTTY && process.stderr.isTTY)) this.#isMidLine = bytes.at(-1) !== 0x0a;
  }

  say(text: string): void {
    if (this.#isJson) return this.#write({ event: "notice", message: text });
    this.#print(`${paintFor(process.stderr, process.env).dim("runcast:")} ${text}`);
  }

  /** For scripts; a person is told `text`, if there is anything to tell. */
  report(report: Report, text: string | null): void {
    if (this.#isJson) this.#write(report);
    else if (text !== null) this.say(text);
  }

  #write(value: object): void {
    this.#print(JSON.stringify(value));
  }

  #print(line: string): void {
    process.stderr.write(`${this.#isMidLine ? "\n" : ""}${line}\n`);
    this.#isMidLine = false;
  }
}
