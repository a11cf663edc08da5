import { createHash } from "node:crypto";
import type { Run } from "../../protocol/api.ts";
import type { CreateRun } from "../../protocol/api.ts";
import type { ControlRequest } from "../../protocol/control.ts";
import type { Completion } from "../../protocol/append.ts";
import type { RunStatus } from "../../protocol/event.ts";
import { isTerminal } from "../../protocol/event.ts";
import { assembleLine, draftEvent } from "../../protocol/ndjson.ts";
import type { EventDraft } from "../../protocol/ndjson.ts";
import { QUEUED_RUN } from "../../protocol/testing/queued-run.ts";

export type StoredLine = { sequence: number; type: string; line: string };
export type Positions = { first_sequence: number | null; last_sequence: number | null; accepted: number };
export type Admission =
  | { kind: "stored"; positions: Positions; duplicate: boolean }
  | { kind: "refused"; code: "PRODUCER_GAP" | "PRODUCER_FENCED" | "RUN_ENDED"; expected?: number };

/** A run in memory that keeps the contract of an append: numbered batches once, one end, which is last. */
export class MemoryRun {
  readonly runId: string;
  readonly body: CreateRun;
  readonly lines: StoredLine[] = [];
  readonly createdAt = new Date().toISOString();
  status: RunStatus = "queued";
  completion: Completion | null = null;
  control: ControlRequest[] = [];
  heartbeats = 0;
  /** As they were uploaded, each with what the run was by then. */
  readonly artifacts: Array<{
    name: string;
    media_type: string;
    content: string;
    atSequence: number;
    status: RunStatus;
  }> = [];
  readonly #batches = new Map<string, Positions[]>();
  readonly #epochs = new Map<string, number>();
  readonly #listeners = new Set<() => void>();

  constructor(runId: string, body: CreateRun) {
    this.runId = runId;
    this.body = body;
    this.#write(draftEvent("run.queued", null, { parameters: body.parameters ?? {} }));
  }

  get lastSequence(): number {
    return this.lines.length;
  }

  /** Of all lines, each with its newline. */
  get sha256(): string {
    const hash = createHash("sha256");
    for (const { line } of this.lines) hash.update(`${line}\n`);
    return hash.digest("hex");
  }

  /** The messages of the console, each with its stream, as a reader would join them. */
  get console(): Array<{ stream: string; message: string; partial?: boolean }> {
    return this.lines.filter(({ type }) => type === "console.line").map(({ line }) => JSON.parse(line).payload);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  append(
    { id, epoch, sequence: number }: { id: string; epoch: number; sequence: number },
    drafts: EventDraft[],
    completes: Completion | null,
  ): Admission {
    if (epoch < (this.#epochs.get(id) ?? 0)) return { kind: "refused", code: "PRODUCER_FENCED" };
    const producer = `${id}/${epoch}`;
    const batches = this.#batches.get(producer) ?? [];
    const before = batches[number - 1];
    if (before !== undefined) return { kind: "stored", positions: before, duplicate: true };
    if (number !== batches.length + 1) return { kind: "refused", code: "PRODUCER_GAP", expected: batches.length + 1 };
    if (isTerminal(this.status)) return { kind: "refused", code: "RUN_ENDED" };
    const first = this.lastSequence + 1;
    for (const draft of drafts) this.#write(draft);
    if (drafts.length > 0 && this.status === "queued") this.status = "running";
    if (completes !== null) this.complete(completes);
    const accepted = this.lastSequence - first + 1;
    const positions =
      accepted === 0
        ? { first_sequence: null, last_sequence: null, accepted }
        : { first_sequence: first, last_sequence: this.lastSequence, accepted };
    this.#batches.set(producer, [...batches, positions]);
    this.#epochs.set(id, epoch);
    for (const listener of this.#listeners) listener();
    return { kind: "stored", positions, duplicate: false };
  }

  requestCancel(controlId: string): void {
    this.control.push({ control_id: controlId, action: "cancel", by: "someone" });
  }

  complete(completion: Completion): void {
    const { status, exit_code, failure } = completion;
    this.status = status;
    this.completion = completion;
    this.#write(draftEvent("run.completed", null, { status, exit_code, failure }));
    for (const listener of this.#listeners) listener();
  }

  describe(url: string): Run {
    return {
      ...QUEUED_RUN,
      run_id: this.runId,
      name: this.body.name ?? null,
      status: this.status,
      parameters: this.body.parameters ?? {},
      labels: this.body.labels ?? {},
      created_at: this.createdAt,
      started_at: this.status === "queued" ? null : this.createdAt,
      completed_at: isTerminal(this.status) ? this.createdAt : null,
      duration_ms: isTerminal(this.status) ? 0 : null,
      exit_code: this.completion?.exit_code ?? null,
      failure: this.completion?.failure ?? null,
      last_sequence: this.lastSequence,
      event_bytes: 0,
      watch_url: `${url}/runs/${this.runId}`,
    };
  }

  #write(draft: EventDraft): void {
    const sequence = this.lastSequence + 1;
    const createdAt = new Date(draft.createdAtMs ?? Date.now()).toISOString();
    this.lines.push({ sequence, type: draft.type, line: assembleLine(draft, sequence, createdAt) });
    if (draft.type === "control.acknowledged") {
      this.control = this.control.filter(({ control_id }) => !draft.rest.includes(control_id));
    }
  }
}
