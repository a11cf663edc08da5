import type { ProducerEvent, RunEnding } from "../run-producer.ts";
import { uploadArtifacts } from "./artifacts/upload-artifacts.ts";
import { JobOutput } from "./job-output/job-output.ts";
import type { JobOutputOptions, OutputItem } from "./job-output/job-output.ts";
import { Markers } from "./job-output/markers.ts";
import type { Stream } from "./job-output/markers.ts";
import { Masks } from "./masking/masks.ts";
import { secretsOf } from "./masking/secret-names.ts";
import { END_AFTER_SECONDS, LEASE_SECONDS, Recorder } from "./recorder.ts";
import type { Server } from "./server.ts";
import type { Voice } from "./voice.ts";

/** What `run` and `pipe` are told alike. */
export type RecordingArguments = {
  name: string | undefined;
  workspaceId: string;
  workflowId: string | undefined;
  labels: Record<string, string>;
  /** A JSON object. */
  parametersText: string;
  step: string | undefined;
  artifacts: readonly string[];
  masksEnvironment: boolean;
  readsMarkers: boolean;
  json: boolean;
};

export type RecordingOptions = {
  kind: "run" | "pipe";
  args: RecordingArguments;
  server: Server;
  voice: Voice;
  environment: NodeJS.ProcessEnv;
  streams: JobOutputOptions["streams"];
  /** As in `JobOutput`; what it gives must have been masked. */
  takeLine?: (line: string, masks: Masks) => ReturnType<NonNullable<JobOutputOptions["takeLine"]>>;
  onCancel: () => void;
};

/** How often the unfinished lines are looked at. */
const FLUSH_EVERY_MS = 250;

/** From the bytes of a job's output to its run: read, masked, recorded. */
export class Recording {
  readonly #options: RecordingOptions;
  readonly #masks: Masks;
  readonly #markers: Markers;
  readonly #output: JobOutput;
  readonly #recorder: Recorder;
  readonly #flushTimer: ReturnType<typeof setInterval>;
  /** Outputs that are held back by now. */
  #holds = 0;

  constructor(options: RecordingOptions) {
    const { args, server, voice, environment, takeLine } = options;
    const { name, workflowId, labels, parametersText } = args;
    this.#options = options;
    const secrets = args.masksEnvironment ? secretsOf(environment) : [];
    // Where it was written down instead, ours is in no variable.
    const own = args.masksEnvironment && server.token !== undefined ? [server.token] : [];
    const masks = new Masks([...secrets, ...own]);
    this.#masks = masks;
    this.#markers = new Markers(masks, args.readsMarkers);
    this.#output = new JobOutput({
      masks,
      markers: this.#markers,
      streams: options.streams,
      ...(takeLine === undefined ? {} : { takeLine: (line: string) => takeLine(line, masks) }),
    });
    this.#recorder = new Recorder({
      kind: options.kind,
      server,
      environment,
      workspaceId: args.workspaceId,
      run: {
        ...(name === undefined ? {} : { name }),
        ...(workflowId === undefined ? {} : { workflow_id: workflowId }),
        labels,
        parameters_text: parametersText,
        lease_seconds: LEASE_SECONDS,
        end_after_seconds: END_AFTER_SECONDS,
      },
      masks,
      voice,
      onCancel: options.onCancel,
    });
    this.#flushTimer = setInterval(() => {
      // While output is held back, the rest of a line waits for us and not for the command.
      if (this.#holds === 0) void this.#send(this.#output.flush(Date.now()));
    }, FLUSH_EVERY_MS);
  }

  /** As the recorder's: after the first try to create the run. */
  get firstTry(): Promise<void> {
    return this.#recorder.firstTry;
  }

  mask(text: string): string {
    return this.#masks.text(text);
  }

  /** `first` is written before all output, then the step that is around it. */
  begin(first: ProducerEvent | null): void {
    if (first !== null) void this.#recorder.write(first);
    const { step } = this.#options.args;
    if (step === undefined) return;
    for (const event of this.#markers.begin(step, Date.now())) void this.#recorder.write(event);
  }

  /** What it is given outlives this process when it returns. A returned promise asks the caller to hold the output back until it settles. */
  push(stream: Stream, bytes: Uint8Array): Promise<void> | undefined {
    const held = this.#send(this.#output.push(stream, bytes, Date.now()));
    this.#recorder.keep();
    if (held !== undefined) {
      this.#holds += 1;
      void held.then(() => (this.#holds -= 1));
    }
    return held;
  }

  /** The rest of the output, the end of its steps, the artifacts, the end of the run, which the last line may tell. */
  async finish(endingOf: () => RunEnding): Promise<void> {
    const now = Date.now();
    clearInterval(this.#flushTimer);
    void this.#send(this.#output.end(now));
    const ending = endingOf();
    const status = ending.status === "succeeded" ? "succeeded" : "failed";
    for (const event of this.#markers.end(status, ending.exit_code ?? 0, now)) void this.#recorder.write(event);
    if (this.#options.args.artifacts.length > 0) await this.#upload();
    await this.#recorder.finish(ending);
  }

  /** Somebody does not want to wait for the rest. */
  hurry(): void {
    this.#recorder.hurry();
  }

  /** Behind the lines in the log, and before its end. */
  async #upload(): Promise<void> {
    const { args, server, voice } = this.#options;
    const runId = await this.#recorder.created();
    await this.#recorder.flush();
    const signal = this.#recorder.hurried;
    await uploadArtifacts({ patterns: args.artifacts, server, runId, masks: this.#masks, voice, signal });
  }

  #send(items: OutputItem[]): Promise<void> | undefined {
    let held: Promise<void> | undefined;
    for (const item of items) {
      switch (item.kind) {
        case "console":
          held = this.#recorder.writeConsole(item.event);
          break;
        case "event":
          held = this.#recorder.write(item.event);
          break;
        case "encoded":
          held = this.#recorder.writeLine(item.line);
          break;
        case "notice":
          this.#options.voice.say(item.text);
          break;
      }
    }
    return held;
  }
}
