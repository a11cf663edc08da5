import { cutText } from "../../protocol/ndjson.ts";
import { RuncastApi } from "../api.ts";
import { NO_PROBLEM } from "../run-problem.ts";
import type { RunProblem } from "../run-problem.ts";
import type { ProducerEvent } from "../producer-event.ts";
import { RunProducer } from "../run-producer.ts";
import type { Delivery } from "../run-producer.ts";
import { consoleEvent, countLines, SOURCE, unreadableLines } from "./delivery-words.ts";
import { explain, isAboutToken } from "./explain.ts";
import { makeRun } from "./make-run.ts";
import { endsOfOpenSteps } from "./open-steps.ts";
import { idleMsOf, loseHope } from "./patience.ts";
import { patientApi } from "./patient-api.ts";
import type { Server } from "./server.ts";
import { openSpool, removeSpool } from "./spool/spool.ts";
import type { FoundSpool, Spool, SpoolNote } from "./spool/spool.ts";
import type { Voice } from "./voice.ts";

/** What became of a spool. */
export type Resumed =
  | { kind: "delivered"; run_id: string; watch_url: string | null; status: string | null; events: number }
  | { kind: "discarded" }
  /** Still delivered by the process that began it. */
  | { kind: "owned"; pid: number }
  /** Delivered or discarded by somebody else meanwhile. */
  | { kind: "gone" }
  /** Its server is not the one that is known here. */
  | { kind: "elsewhere"; reason: string }
  | { kind: "damaged" }
  /** Not now; it stays. */
  | { kind: "kept"; reason: string; events: number | null }
  /** Never: its run takes no more lines. It stays, because what it holds is nowhere else. */
  | { kind: "refused"; reason: string; events: number };

/** For the run to be made, if the server could not be reached before. */
const MAKING_MS = 10_000;
const REFUSED_LINE_CHARS = 40_000;

/** Delivers the rest of a run whose command line has ended, and its end. */
export async function resumeSpool(found: FoundSpool, server: Server, voice: Voice): Promise<Resumed> {
  let isDamaged = false;
  const opened = openSpool(found, {
    onFull: () => voice.say(`there is no room in ${found.folder}; what is in it is delivered all the same.`),
    onAbandoned: () => {
      voice.say(`${found.folder} cannot be written; it is delivered as far as possible now, and cannot be again.`);
      removeSpool(found.folder);
    },
    onUnreadable: (cause, lines) => {
      isDamaged = true;
      voice.say(`${found.folder} cannot be read (${String(cause)}): ${countLines(lines)} missing in the log.`);
      return unreadableLines(lines);
    },
    onUntidy: (cause) => voice.say(`a file in ${found.folder} cannot be deleted or closed (${String(cause)}).`),
  });
  if (opened.kind === "owned") return { kind: "owned", pid: opened.by.pid };
  if (opened.kind === "unusable") return { kind: "kept", reason: String(opened.cause), events: null };
  if (opened.kind !== "opened") return opened;
  const { spool } = opened;
  const { outbox } = spool;
  const isCut = !outbox.hasEnd;
  const events = outbox.lines + (outbox.unanswered?.lines ?? 0) + (isCut ? 1 : 0);
  const api = new RuncastApi({ url: server.url, ...(server.token === undefined ? {} : { token: server.token }) });
  const made = await runOf(spool, api);
  if (made.kind === "problem") return judge(made.problem, server, spool.note, events);
  const killed = isCut ? found : null;
  const { delivery, problem, ends } = await send(spool, { server, voice, runId: made.runId, killed });
  const run = await patientApi(server, voice).getRun(made.runId);
  const about = run.kind === "ok" ? run.value : null;
  // Of a run that somebody else has ended only the end is not taken: then no line is missing.
  const isWhole =
    delivery.kind === "refused" && delivery.problem.code === "RUN_ENDED" && delivery.undelivered === ends + 1;
  if (delivery.kind === "stored" || isWhole) {
    // What could not be read is nowhere else.
    if (isDamaged) return { kind: "damaged" };
    removeSpool(spool.folder);
    const { watch_url = null, status = null } = about ?? {};
    return { kind: "delivered", run_id: made.runId, watch_url, status, events: events + ends };
  }
  if (delivery.kind === "refused") {
    return judge(delivery.problem, server, spool.note, delivery.undelivered, made.runId);
  }
  const reason = problem === null ? `${server.url} could not be reached.` : explain(problem, server);
  return { kind: "kept", reason, events: delivery.undelivered };
}

/** Made now when the server could never be reached: by the key of the first try, so that one that was carried out unheard is no other. */
async function runOf(
  { note, outbox }: Spool,
  api: RuncastApi,
): Promise<{ kind: "known"; runId: string } | { kind: "problem"; problem: RunProblem }> {
  if (outbox.state.runId !== null) return { kind: "known", runId: outbox.state.runId };
  const wanted = { workspaceId: note.workspace_id, run: note.run, key: note.idempotency_key };
  let last: RunProblem | null = null;
  const made = await makeRun(api, wanted, AbortSignal.timeout(MAKING_MS), (problem) => (last = problem));
  switch (made.kind) {
    case "made":
      outbox.setRunId(made.run.run_id);
      return { kind: "known", runId: made.run.run_id };
    case "refused":
      return { kind: "problem", problem: made.problem };
    case "given_up":
      return { kind: "problem", problem: last ?? UNREACHED };
  }
}

const UNREACHED: RunProblem = { ...NO_PROBLEM, code: "UNREACHABLE", status: null, detail: "no answer", retry: true };

type Sending = {
  server: Server;
  voice: Voice;
  runId: string;
  /** Its command line was killed before it wrote the end; null when that is in the spool. */
  killed: FoundSpool | null;
};
/** `ends`: of steps, written here. */
type Sent = { delivery: Delivery; problem: RunProblem | null; ends: number };

/**
 * First the batch that has no answer, as it was sent: a duplicate when it was stored. Then everything else in a new epoch, which fences whoever
 * may still be sending in the old one. [SPL4] [APP21] Behind that, what the killed one did not come to write. [SPL7]
 */
async function send({ note, outbox }: Spool, { server, voice, runId, killed }: Sending): Promise<Sent> {
  const { unanswered } = outbox;
  const producer = new RunProducer({
    url: server.url,
    ...(server.token === undefined ? {} : { token: server.token }),
    runId,
    producerId: note.producer_id,
    epoch: outbox.state.epoch + 1,
    outbox,
    ...(unanswered === null ? {} : { unanswered }),
    source: SOURCE,
    replaceRefused: (line) => consoleEvent("stdout", cutText(line, REFUSED_LINE_CHARS)),
  });
  try {
    const rest = await flushed(producer);
    if (killed === null || rest.delivery.kind !== "stored") return { ...rest, ends: 0 };
    const run = { runId, source: SOURCE };
    const steps = await endsOfOpenSteps(patientApi(server, voice), run, killed.writtenAt);
    if (steps.kind === "problem") {
      const { problem } = steps;
      return { delivery: { kind: "refused", problem, undelivered: 1 }, problem, ends: 0 };
    }
    // In one turn, so that they are on disk together.
    for (const event of [...steps.events, endOfKilled(killed)]) void producer.write(event);
    return { ...(await flushed(producer)), ends: steps.events.length };
  } finally {
    producer.stop();
  }
}

/** What becomes of all that is written by now, in good time. */
async function flushed(producer: RunProducer): Promise<Omit<Sent, "ends">> {
  const isSettled = () => producer.state.kind === "refused" || producer.pendingEvents === 0;
  const hopeLost = loseHope(
    () => producer.pendingEvents,
    () => idleMsOf(producer.state),
    isSettled,
  );
  const delivery = await Promise.race([producer.flush(), hopeLost]);
  const problem = producer.state.kind === "retrying" ? producer.state.problem : null;
  return { delivery: delivery ?? { kind: "stopped", undelivered: producer.pendingEvents }, problem };
}

/** The command line was killed before the command ended, and knows no more than that. */
function endOfKilled({ note, writtenAt }: FoundSpool): ProducerEvent {
  const message =
    note.kind === "run"
      ? "the command line was killed while the command ran: how the command ended is not known"
      : "the command line was killed while it read: whether its input ended is not known";
  const payload = { status: "failed", failure: { code: "PRODUCER_KILLED", message } };
  return { type: "run.completed", created_at: writtenAt.toISOString(), payload };
}

function judge(problem: RunProblem, server: Server, note: SpoolNote, events: number, runId?: string): Resumed {
  const about = { workspaceId: note.workspace_id, ...(runId === undefined ? {} : { runId }) };
  const reason = explain(problem, server, about);
  return problem.retry || isAboutToken(problem)
    ? { kind: "kept", reason, events }
    : { kind: "refused", reason, events };
}
