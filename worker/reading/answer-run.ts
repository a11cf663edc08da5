import type { Context } from "hono";
import type { StoredRun } from "../../core/ports.ts";
import { LogMissing } from "../../core/reading/read-log.ts";
import { isTerminal } from "../../protocol/event.ts";
import { R2LogReader } from "../../storage/r2-log-reader.ts";
import type { App } from "../app-context.ts";
import { noteIncomplete } from "../note-incomplete.ts";
import { runObject } from "../objects.ts";
import { problem } from "../problem.ts";
import { callerHeaders } from "../web-socket.ts";
import { answerEvents, answerPlainLog } from "./answer-events.ts";
import { WHOLE_RUN_LIVE, type ReadOptions } from "./read-options.ts";
import { noteSkipped } from "./note-skipped.ts";
import { runLog, type RunLog } from "./run-log.ts";

/** The events of a run, in the form and from the place that is asked for. `run` is as D1 knows it. */
export async function answerRun(c: Context<App>, run: StoredRun, options: ReadOptions): Promise<Response> {
  const reader = readerOf(c, run);
  const plain = isTerminal(run.status) ? await answerPlainLog(c, reader, run.run_id, options) : null;
  if (plain !== null) return plain;
  return orMissing(c, () => answerEvents(logOf(c, run, reader), run, options));
}

/** The answer, or that the run's log, which it is made of, is gone. */
export async function orMissing(c: Context<App>, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof LogMissing)) throw error;
    return problem(c, { code: "LOG_INCOMPLETE", detail: "the run is known, but its stored log is missing" });
  }
}

export const readerOf = (
  c: Context<App>,
  { workspace_id: workspaceId, run_id: runId }: StoredRun,
  ahead = 0,
): R2LogReader => new R2LogReader(c.env.ARCHIVE, { workspaceId, runId }, { ahead });

/** The log of a run for this caller, wherever its lines are; what is found of it is kept. */
export const logOf = (c: Context<App>, run: StoredRun, reader = readerOf(c, run), ahead = 0): RunLog =>
  runLog({
    object: runObject(c.env, run.run_id),
    reader,
    ahead,
    headers: callerHeaders(c),
    isEnded: isTerminal(run.status),
    row: run,
    damaged: () => noteIncomplete(c.env, run, true),
    skipped: noteSkipped(c, run),
  });

/** A run that has just been made, or was made by the same request before: its events as they come, from the first. */
export async function answerCreated(c: Context<App>, run: StoredRun): Promise<Response> {
  const answer = await answerRun(c, run, WHOLE_RUN_LIVE);
  if (!answer.ok) return answer;
  answer.headers.set("location", `/api/runs/${run.run_id}`);
  return new Response(answer.body, { status: 202, headers: answer.headers });
}
