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
    };

/** What we say about ourselves: on standard error, which the command's own output is never mixed with. */
export class Voice {
  readonly #isJson: boolean;

  /** `isJson`: one JSON object a line. */
  constructor(isJson: boolean) {
    this.#isJson = isJson;
  }

  say(text: string): void {
    if (this.#isJson) this.#write({ event: "notice", message: text });
    else process.stderr.write(`${paintFor(process.stderr, process.env).dim("runcast:")} ${text}\n`);
  }

  /** For scripts; a person is told `text`, if there is anything to tell. */
  report(report: Report, text: string | null): void {
    if (this.#isJson) this.#write(report);
    else if (text !== null) this.say(text);
  }

  #write(value: object): void {
    process.stderr.write(`${JSON.stringify(value)}\n`);
  }
}
