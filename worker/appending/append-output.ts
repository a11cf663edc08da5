import type { AppendOutcome, AppendRequest, HeartbeatOutcome } from "../../core/run/commands.ts";
import type { Positions } from "../../core/run/sequencer.ts";
import type { ControlRequest } from "../../protocol/control.ts";
import type { Refusal } from "../../protocol/error-code.ts";
import type { EventDraft } from "../../protocol/ndjson.ts";
import { OutputCutter } from "../../protocol/output-cutter.ts";
import { errorText, logError } from "../../storage/server-log.ts";
import { isUnavailable } from "../answer-errors.ts";
import { BodyReader } from "../request-body-reader.ts";

/** Between two batches, unless one is full. The first line never waits. */
const GATHER_MS = 100;
/** A batch as it is stored, about: with what is waiting, this is all that is ever held of a body. */
const BATCH_BYTES = 512 * 1024;
const BATCH_CHARS = 128 * 1024;
/** A stream in which nothing comes says so often that its producer is there: a lease may be as short as ten seconds. */
const QUIET_MS = 3_000;
/** The archive or the object may need a moment; the sender waits meanwhile, because nothing more is read. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 500;
/** How long a sender gets to hear that it may stop. */
const LINGER_MS = 1_000;

/** The run that the output is of. Both may be called again after they threw. */
export type OutputRun = {
  append(request: AppendRequest): Promise<AppendOutcome>;
  heartbeat(): Promise<HeartbeatOutcome>;
};

export type OutputOutcome = { stored: Positions; control: ControlRequest[] } & (
  | { kind: "stored" }
  /** `left` resolves when the rest of the body has been let go, a moment after its sender could be told. */
  | { kind: "refused"; refusal: Refusal; left: Promise<void> }
  /** Nobody is left to answer. */
  | { kind: "sender_gone" }
);

/**
 * Appends a body of any length as it arrives, one batch after another, each durable before the next is sent. Batches are numbered, as those of any
 * producer: one whose answer was lost is sent again, and stored once. [APP18] [APP19]
 */
export function appendOutput(
  body: ReadableStream<Uint8Array>,
  run: OutputRun,
  streamId: string,
): Promise<OutputOutcome> {
  return new OutputAppender(new BodyReader(body), run, streamId).run();
}

class OutputAppender {
  readonly #body: BodyReader;
  readonly #run: OutputRun;
  readonly #streamId: string;
  readonly #cutter = new OutputCutter();
  #batchNumber = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #stored: Positions = { firstSequence: null, lastSequence: null, accepted: 0 };
  #control: ControlRequest[] = [];

  constructor(body: BodyReader, run: OutputRun, streamId: string) {
    this.#body = body;
    this.#run = run;
    this.#streamId = streamId;
  }

  async run(): Promise<OutputOutcome> {
    for (;;) {
      const heard = await this.#hear();
      if (heard === "ended") this.#cutter.end();
      const refusal = heard === "quiet" ? await this.#beat() : await this.#sendDue(heard !== "more");
      if (refusal !== null) return { kind: "refused", refusal, left: this.#body.discard(LINGER_MS), ...this.#told() };
      if (heard === "ended") return { kind: "stored", ...this.#told() };
      // What came as whole lines is stored; half a line may be half a word.
      if (heard === "broken") return { kind: "sender_gone", ...this.#told() };
    }
  }

  #told(): { stored: Positions; control: ControlRequest[] } {
    return { stored: this.#stored, control: this.#control };
  }

  /** Reads until a batch is due. Full: more may follow at once. */
  async #hear(): Promise<"due" | "more" | "quiet" | "ended" | "broken"> {
    for (;;) {
      if (this.#cutter.waitingChars >= BATCH_CHARS && this.#cutter.hasEvents) return "more";
      const isDue = this.#cutter.hasEvents;
      const waitMs = isDue ? Math.max(0, this.#sentAt + GATHER_MS - Date.now()) : QUIET_MS;
      const piece = await this.#body.next(waitMs);
      switch (piece.kind) {
        case "bytes":
          this.#cutter.add(piece.bytes);
          break;
        case "nothing":
          return isDue ? "due" : "quiet";
        case "ended":
          return "ended";
        case "broken":
          return "broken";
      }
    }
  }

  /** One batch, or with `all` as many as are there. */
  async #sendDue(all: boolean): Promise<Refusal | null> {
    do {
      const drafts = this.#cutter.take(BATCH_BYTES);
      if (drafts.length === 0) return null;
      const refusal = await this.#send(drafts);
      if (refusal !== null) return refusal;
    } while (all);
    return null;
  }

  async #send(drafts: EventDraft[]): Promise<Refusal | null> {
    this.#batchNumber += 1;
    const producer = { id: this.#streamId, epoch: 0, sequence: this.#batchNumber };
    const request: AppendRequest = { producer, content: { kind: "events", drafts, completion: null } };
    this.#sentAt = Date.now();
    for (const deadline = Date.now() + PATIENCE_MS; ;) {
      const outcome = await this.#try(() => this.#run.append(request));
      if (outcome.kind === "appended") {
        if (outcome.firstSequence !== null) this.#stored = joined(this.#stored, outcome);
        this.#control = outcome.control;
        return null;
      }
      const refusal: Refusal = outcome.kind === "unknown" ? GONE : outcome.refusal;
      const isPassing = refusal.code === "UNFLUSHED_LIMIT" || refusal.code === "STORAGE_UNAVAILABLE";
      if (!isPassing || Date.now() > deadline) return refusal;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      await this.#beat();
    }
  }

  /** The open stream is its producer's sign of life. A run that has ended is told at once, and not with the next line. */
  async #beat(): Promise<Refusal | null> {
    const outcome = await this.#try(() => this.#run.heartbeat());
    if (outcome.kind === "heard") this.#control = outcome.control;
    if (outcome.kind === "unknown") return GONE;
    return outcome.kind === "refused" && outcome.refusal.code !== "STORAGE_UNAVAILABLE" ? outcome.refusal : null;
  }

  /** An object that was reset, or has too much to do, is there again in a moment. */
  async #try<Outcome>(call: () => Promise<Outcome>): Promise<Outcome | { kind: "refused"; refusal: Refusal }> {
    try {
      return await call();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      logError("a stream of output waits for its run", { error: errorText(error) });
      return {
        kind: "refused",
        refusal: { code: "STORAGE_UNAVAILABLE", detail: "the run's storage cannot be reached" },
      };
    }
  }
}

const GONE: Refusal = { code: "RUN_ENDED", detail: "The run has ended; its log is closed." };

function joined(stored: Positions, batch: Positions): Positions {
  return {
    firstSequence: stored.firstSequence ?? batch.firstSequence,
    lastSequence: batch.lastSequence,
    accepted: stored.accepted + batch.accepted,
  };
}
