import type { Completion, EventDraft } from "../../protocol/append.ts";
import { assembleLine, draftEvent, parseLine, utf8Length } from "../../protocol/ndjson.ts";
import { foldSummary, summaryForEmbedding } from "../../protocol/summary.ts";
import type { HotBatch } from "../ports.ts";
import { artifactNames, pathsThatFit } from "./artifacts.ts";
import { foldLine, foldStateLine, type RunMemory } from "./run-memory.ts";
import type { ProducerMark } from "./sequencer.ts";

/** A numbered line, newline included: the bytes that the log, R2 and every reader get. */
export type WrittenLine = { sequence: number; type: string; text: string; bytes: number };

/** Rows above 1 MiB would come near SQLite's limit of 2 MB a value. */
const ROW_BYTES = 1024 * 1024;

export const eventsPath = (workspaceId: string, runId: string): string =>
  `workspaces/${workspaceId}/runs/${runId}/logs/events.ndjson`;

/**
 * Gives lines their sequence and folds them into the run's memory. It changes memory at once: when the transaction that stores
 * the lines fails, that memory must be dropped and recalled from the log. [SEQ1]
 */
export class LineWriter {
  readonly lines: WrittenLine[] = [];
  readonly #memory: RunMemory;
  readonly #now: number;
  readonly #receivedAt: string;

  constructor(memory: RunMemory, now: number) {
    this.#memory = memory;
    this.#now = now;
    this.#receivedAt = new Date(now).toISOString();
  }

  lastSequence(): number {
    return this.#memory.state.last_sequence;
  }

  write(draft: EventDraft): void {
    const sequence = this.#memory.state.last_sequence + 1;
    const createdAt = draft.createdAtMs === null ? this.#receivedAt : new Date(draft.createdAtMs).toISOString();
    const line = assembleLine(draft, sequence, createdAt);
    foldLine(this.#memory, line, this.#receivedAt);
    this.lines.push({ sequence, type: draft.type, text: `${line}\n`, bytes: utf8Length(line) + 1 });
  }

  /** `at`: null for now. */
  writeServerEvent(type: string, at: number | null, payload: Record<string, unknown>): void {
    this.write(draftEvent(type, at, payload));
  }

  /** The last line of the run. Its summary is the fold of all lines including this one without its `summary`. [LIFE4] */
  complete(completion: Completion): void {
    const { state, summary, identity } = this.#memory;
    const startedAtMs = state.started_at === null ? null : Date.parse(state.started_at);
    const happenedAtMs = completion.createdAtMs ?? this.#now;
    const completedAtMs = Math.max(startedAtMs ?? identity.createdAt, happenedAtMs);
    const failure = completion.status === "succeeded" ? null : (completion.failure ?? state.failure);
    const payload = {
      status: completion.status,
      ...(failure === null ? {} : { failure }),
      execution: {
        exit_code: completion.exit_code,
        started_at: state.started_at,
        completed_at: new Date(completedAtMs).toISOString(),
        duration_ms: startedAtMs === null ? null : completedAtMs - startedAtMs,
      },
      artifacts: {
        events_path: eventsPath(identity.workspaceId, identity.runId),
        output_paths: pathsThatFit(identity, artifactNames(this.#memory)),
      },
    };
    const sequence = state.last_sequence + 1;
    const createdAt = new Date(happenedAtMs).toISOString();
    const lineWith = (content: Record<string, unknown>): string =>
      assembleLine(draftEvent("run.completed", completion.createdAtMs, content, completion), sequence, createdAt);
    const bare = parseLine(lineWith(payload));
    if (bare === null) throw new Error("run.completed could not be encoded");
    foldSummary(summary, bare);
    const line = lineWith({ ...payload, summary: summaryForEmbedding(summary) });
    foldStateLine(this.#memory, line, this.#receivedAt);
    this.lines.push({ sequence, type: "run.completed", text: `${line}\n`, bytes: utf8Length(line) + 1 });
  }
}

/** The lines as rows of the hot log: one row, unless they pass 1 MiB. That they are a producer's, and its mark, stand in the last of them. */
export function linesToRows(
  lines: readonly WrittenLine[],
  batch: { receivedAt: number; fromProducer: boolean; mark: ProducerMark | null },
): HotBatch[] {
  const rows: HotBatch[] = [];
  for (const line of lines) {
    const row = rows.at(-1);
    if (row === undefined || row.bytes + line.bytes > ROW_BYTES) {
      rows.push({
        firstSequence: line.sequence,
        lastSequence: line.sequence,
        bytes: line.bytes,
        lines: line.text,
        receivedAt: batch.receivedAt,
        fromProducer: false,
        mark: null,
      });
    } else {
      row.lastSequence = line.sequence;
      row.bytes += line.bytes;
      row.lines += line.text;
    }
  }
  const last = rows.at(-1);
  if (last === undefined) return rows;
  // In one row of a batch, so that batches can be counted by their rows. [IDX4]
  last.fromProducer = batch.fromProducer;
  last.mark = batch.mark;
  return rows;
}
