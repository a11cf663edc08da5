import { setTimeout as sleep } from "node:timers/promises";
import type { RunEnding } from "../run-producer.ts";
import type { CommandContext } from "./context.ts";
import type { TakenLine } from "./job-output/job-output.ts";
import { readPipedLine } from "./job-output/piped-event.ts";
import type { Masks } from "./masking/masks.ts";
import { Recording } from "./recording.ts";
import type { RecordingArguments } from "./recording.ts";
import { writeOut } from "./terminal.ts";
import type { Voice } from "./voice.ts";

export type PipeArguments = RecordingArguments & {
  /** Lines that are events are sent as such. */
  events: boolean;
};

const SIGNAL_TURN_MS = 20;

/** Passes standard input through and sends it as a run. What stands before the pipe keeps its exit code to itself. */
export async function pipeInput(args: PipeArguments, { found, voice }: CommandContext): Promise<number> {
  if (process.stdin.isTTY) {
    voice.say("nothing is piped into this. It is used as in: make 2>&1 | runcast pipe");
    return 2;
  }
  if (found.kind === "unknown") voice.say(`${found.reason} The input passes unwatched.`);
  let ending: RunEnding = { status: "succeeded", exit_code: 0 };
  let exitCode = 0;
  const stop = (by: RunEnding, code: number) => {
    ending = by;
    exitCode = code;
    // Who writes into the pipe learns of it with the next line.
    process.stdin.destroy();
  };
  const events = new PipedEvents(voice, (by) => (ending = by));
  const recording =
    found.kind === "unknown"
      ? null
      : new Recording({
          kind: "pipe",
          args,
          server: found.server,
          voice,
          environment: process.env,
          streams: ["stdout"],
          ...(args.events ? { takeLine: (line: string, masks: Masks) => events.take(line, masks) } : {}),
          onCancel: () => stop({ status: "cancelled", exit_code: 143 }, 143),
        });
  recording?.begin(null);
  // Ctrl-C reaches the whole pipeline: what its producer still says on the way out is part of the log. The second one is for us.
  let interrupts = 0;
  process.on("SIGINT", () => {
    interrupts += 1;
    if (interrupts < 2) return;
    stop(interruption(), 130);
    recording?.hurry();
  });
  process.on("SIGTERM", () => stop({ status: "cancelled", exit_code: 143 }, 143));
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.stdin.destroy();
    else throw error;
  });

  process.stdin.on("data", (bytes: Buffer) => {
    // Kept before it is shown: a line that somebody saw is not lost with this process. [SPL1]
    const held = recording?.push("stdout", bytes);
    const shown = writeOut(process.stdout, bytes);
    voice.noteShown("stdout", bytes);
    if (shown === undefined && held === undefined) return;
    process.stdin.pause();
    void Promise.all([shown, held]).then(() => process.stdin.resume());
  });
  await new Promise<void>((resolve) => {
    process.stdin.once("close", resolve);
    process.stdin.once("end", resolve);
    process.stdin.once("error", () => resolve());
  });
  // The Ctrl-C that ended what stands before the pipe was sent to us as well, and may come a turn behind the end of its output.
  await sleep(SIGNAL_TURN_MS);
  if (interrupts > 0 && exitCode === 0) {
    ending = interruption();
    exitCode = 130;
  }
  await recording?.finish(() => ending);
  events.tellRest();
  return exitCode;
}

const interruption = (): RunEnding => ({
  status: "failed",
  exit_code: 130,
  failure: { code: "SIGNAL", message: "interrupted by SIGINT" },
});

/** So many bad events are told one by one. */
const BAD_TOLD = 3;

/** With `--events`: what becomes of each line, and words about those that were meant as events and are none. */
class PipedEvents {
  readonly #voice: Voice;
  readonly #onEnd: (ending: RunEnding) => void;
  #lines = 0;
  #bad = 0;

  constructor(voice: Voice, onEnd: (ending: RunEnding) => void) {
    this.#voice = voice;
    this.#onEnd = onEnd;
  }

  take(line: string, masks: Masks): TakenLine {
    this.#lines += 1;
    const read = readPipedLine(line, masks, Date.now());
    switch (read.kind) {
      case "output":
        return read;
      case "event":
        return { kind: "instead", items: [{ kind: "encoded", line: read.line }] };
      case "end":
        this.#onEnd(read.ending);
        return { kind: "instead", items: [] };
      case "bad": {
        this.#bad += 1;
        const message = `line ${this.#lines} is no event that can be stored, and is kept as output: ${read.detail}`;
        if (this.#bad <= BAD_TOLD) this.#voice.say(message);
        const payload = { severity: "warning", code: read.code, message };
        return { kind: "behind", items: [{ kind: "event", event: { type: "run.validation.issue", payload } }] };
      }
    }
  }

  tellRest(): void {
    if (this.#bad > BAD_TOLD) this.#voice.say(`${this.#bad} lines were meant as events and are kept as output.`);
  }
}
