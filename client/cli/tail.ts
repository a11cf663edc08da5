import type { Run } from "../../protocol/api.ts";
import type { RunEvent } from "../../protocol/event.ts";
import { isRecord } from "../../protocol/ndjson.ts";
import { NodeWebSocket } from "../node-web-socket.ts";
import { watchRun } from "../watch-run.ts";
import type { Connection } from "../watch-run.ts";
import type { CommandContext } from "./context.ts";
import { explain } from "./explain.ts";
import { patientApi } from "./patient-api.ts";
import { runIdOf } from "./run-id.ts";
import { formatDuration, paintFor, writeOut } from "./terminal.ts";
import type { Voice } from "./voice.ts";

export type TailArguments = {
  run: string;
  from: { kind: "after"; sequence: number } | { kind: "last"; events: number };
  follow: boolean;
  format: "text" | "ndjson";
  timestamps: boolean;
};

/** Shows a run until it ends, across cuts. 0: it succeeded; 1: it did not, or it cannot be read. */
export async function tailRun(args: TailArguments, { found, voice }: CommandContext): Promise<number> {
  const fail = (reason: string): 1 => {
    voice.say(reason);
    return 1;
  };
  if (found.kind === "unknown") return fail(found.reason);
  const { server } = found;
  const runId = runIdOf(args.run);
  // Asked first, because a wrong address or token is to be told, not tried for ever.
  const api = patientApi(server, voice);
  const known = await api.getRun(runId);
  if (known.kind === "problem") return fail(explain(known.problem, server, { runId }));

  const controller = new AbortController();
  let hasSeenEnough = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Who read our output has seen enough.
    if (error.code === "EPIPE") controller.abort();
    else throw error;
  });
  process.once("SIGINT", () => controller.abort());
  const print = new MessagePrinter(args.timestamps);
  const cuts = new CutTeller(voice);
  // Who follows wants to see what comes, whenever; who reads what there is wants to get on.
  const outage = args.follow ? null : new OutageLimit(() => controller.abort());
  const watch = watchRun({
    url: server.url,
    ...(server.token === undefined ? {} : { token: server.token }),
    runId,
    afterSequence:
      args.from.kind === "after" ? args.from.sequence : Math.max(0, known.value.last_sequence - args.from.events),
    webSocket: NodeWebSocket,
    signal: controller.signal,
    onLines: (lines) => {
      outage?.end();
      const text = lines
        .map(({ line, event }) => (args.format === "ndjson" ? `${line}\n` : print.textOf(event)))
        .join("");
      return text === "" ? undefined : writeOut(process.stdout, text);
    },
    onDamaged: ({ first, last }) => voice.say(`lines ${first} to ${last} of the stored log cannot be read.`),
    onState: (connection) => {
      cuts.hear(connection);
      outage?.hear(connection);
      if (args.follow || connection.kind !== "live") return;
      hasSeenEnough = true;
      controller.abort();
    },
  });
  const outcome = await watch.finished;
  outage?.end();
  if (outcome.kind === "refused") return fail(outcome.reason);
  if (outage?.reason) return fail(`${server.url} has not come back (${outage.reason}); shown up to ${watch.sequence}.`);
  if (outcome.kind === "stopped") return hasSeenEnough ? 0 : 130;
  if (!args.follow) return 0;
  const ended = await api.getRun(runId);
  voice.say(describeEnd(outcome.status, ended.kind === "ok" ? ended.value : null));
  return outcome.status === "succeeded" ? 0 : 1;
}

function describeEnd(status: string, run: Run | null): string {
  const paint = paintFor(process.stderr, process.env);
  const colour = status === "succeeded" ? paint.green : status === "failed" ? paint.red : paint.yellow;
  const details: string[] = [];
  if (run !== null) {
    if (run.exit_code !== null) details.push(`exit code ${run.exit_code}`);
    if (run.duration_ms !== null) details.push(formatDuration(run.duration_ms));
    if (run.failure !== null) details.push(run.failure.message);
  }
  return [colour(status), ...details].join(", ");
}

/** How a line that is written over begins anew. */
const REDRAW = "\r\u001B[K";

/** The console's messages as they were printed; the parts of a long line come together again. */
class MessagePrinter {
  /** The stream of a line that is not finished yet. */
  #open: unknown = null;
  readonly #hasTimes: boolean;

  constructor(hasTimes: boolean) {
    this.#hasTimes = hasTimes;
  }

  textOf(event: RunEvent): string {
    if (event.type !== "console.line" || !isRecord(event.payload)) return "";
    const { stream, message, partial } = event.payload;
    // Another stream's line in between would otherwise continue the unfinished one.
    const before = this.#open !== null && this.#open !== stream ? "\n" : "";
    const isNewLine = this.#open !== stream;
    this.#open = partial === true ? stream : null;
    const time = this.#hasTimes ? `${event.created_at} ` : "";
    // A progress line that begins anew begins with its time again.
    const text = String(message);
    const redraw = text.startsWith(REDRAW) ? REDRAW : "";
    const timed = isNewLine || redraw !== "" ? `${redraw}${time}${text.slice(redraw.length)}` : text;
    return `${before}${timed}${partial === true ? "" : "\n"}`;
  }
}

/** Says once that the connection is away, and once that it is back. */
class CutTeller {
  readonly #voice: Voice;
  #isTold = false;

  constructor(voice: Voice) {
    this.#voice = voice;
  }

  hear(connection: Connection): void {
    if (connection.kind === "reconnecting") {
      if (this.#isTold || connection.attempt <= 1) return;
      this.#isTold = true;
      this.#voice.say(`the connection is away (${connection.reason}); trying again …`);
    } else if (this.#isTold && (connection.kind === "live" || connection.kind === "catching_up")) {
      this.#isTold = false;
      this.#voice.say("connected again.");
    }
  }
}

const OUTAGE_MS = 10_000;

/** Gives up when for so long nothing has come. */
class OutageLimit {
  /** Why the connection was away, when it has been given up. */
  reason: string | null = null;
  readonly #giveUp: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(giveUp: () => void) {
    this.#giveUp = giveUp;
  }

  hear(connection: Connection): void {
    if (connection.kind === "live") return this.end();
    if (connection.kind !== "reconnecting") return;
    this.#timer ??= setTimeout(() => {
      this.reason = connection.reason;
      this.#giveUp();
    }, OUTAGE_MS);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
