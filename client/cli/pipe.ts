import type { RunEnding } from "../run-producer.ts";
import { say, writeOut } from "./output.ts";
import { OutputLines } from "./output-lines.ts";
import { readPipedEvent } from "./piped-event.ts";
import { END_AFTER_SECONDS, LEASE_SECONDS, Recorder } from "./recorder.ts";
import type { FoundServer } from "./server.ts";

export type PipeArguments = {
  name: string | undefined;
  workspaceId: string;
  labels: Record<string, string>;
  /** Lines that are events are sent as such. */
  events: boolean;
};

/** Passes standard input through and sends it as a run. What stands before the pipe keeps its exit code to itself. */
export async function pipeInput(args: PipeArguments, found: FoundServer): Promise<number> {
  if (process.stdin.isTTY) {
    say("nothing is piped into this. It is used as in: make 2>&1 | runcast pipe");
    return 2;
  }
  if (found.kind === "unknown") say(`${found.reason} The input passes unwatched.`);
  let ending: RunEnding = { status: "succeeded", exit_code: 0 };
  let exitCode = 0;
  const stop = (by: RunEnding, code: number) => {
    ending = by;
    exitCode = code;
    // Who writes into the pipe learns of it with the next line.
    process.stdin.destroy();
  };
  const recorder =
    found.kind === "unknown"
      ? null
      : new Recorder({
          server: found.server,
          workspaceId: args.workspaceId,
          run: {
            ...(args.name === undefined ? {} : { name: args.name }),
            labels: args.labels,
            lease_seconds: LEASE_SECONDS,
            end_after_seconds: END_AFTER_SECONDS,
          },
          onCancel: () => stop({ status: "cancelled", exit_code: 143 }, 143),
        });
  // Ctrl-C reaches the whole pipeline: what its producer still says on the way out is part of the log. The second one is for us.
  let interrupts = 0;
  process.on("SIGINT", () => {
    interrupts += 1;
    if (interrupts < 2) return;
    stop(interruption(), 130);
    recorder?.hurry();
  });
  process.on("SIGTERM", () => stop({ status: "cancelled", exit_code: 143 }, 143));
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.stdin.destroy();
    else throw error;
  });

  const lines = new OutputLines();
  const send = ({ message, partial }: { message: string; partial: boolean }): Promise<void> | undefined => {
    const event = args.events && !partial ? readPipedEvent(message) : null;
    if (event === null) return recorder?.writeConsole("stdout", { message, partial });
    if (event.kind === "event") return recorder?.writeLine(event.line);
    ending = event.ending;
    return undefined;
  };
  process.stdin.on("data", (bytes: Buffer) => {
    const shown = writeOut(process.stdout, bytes);
    let held: Promise<void> | undefined;
    for (const line of lines.push(bytes)) held = send(line);
    if (shown === undefined && held === undefined) return;
    process.stdin.pause();
    void Promise.all([shown, held]).then(() => process.stdin.resume());
  });
  await new Promise<void>((resolve) => {
    process.stdin.once("close", resolve);
    process.stdin.once("end", resolve);
    process.stdin.once("error", () => resolve());
  });
  for (const line of lines.end()) void send(line);
  if (interrupts > 0 && exitCode === 0) {
    ending = interruption();
    exitCode = 130;
  }
  await recorder?.finish(ending);
  return exitCode;
}

const interruption = (): RunEnding => ({
  status: "failed",
  exit_code: 130,
  failure: { code: "SIGNAL", message: "interrupted by SIGINT" },
});
