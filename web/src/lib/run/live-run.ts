import type { RunWithText } from "../../../../client/run-with-text.ts";
import { isTerminal, type RunEvent } from "../../../../protocol/event.ts";
import { utf8Length } from "../../../../protocol/ndjson.ts";
import { foldRunState, newRunState, type RunState } from "../../../../protocol/run-state.ts";

/**
 * A run as its lines arrive: what the server said of it, and the fold of every line since. The same fold as the server's, so the header
 * never waits for a request, and never differs from what one would get.
 */
export class LiveRun {
  #run: RunWithText;
  #state: RunState;

  constructor(run: RunWithText) {
    this.#run = run;
    this.#state = stateOf(run);
  }

  /** A new object after every change. */
  get run(): RunWithText {
    return this.#run;
  }

  /** Somebody has asked the producer to stop, and it has not answered yet. */
  get cancelIsAsked(): boolean {
    return this.#state.control.some(({ action }) => action === "cancel");
  }

  /** Lines at or before what is known already change nothing. */
  take(lines: readonly { event: RunEvent; line: string }[]): void {
    let changed = false;
    for (const { event, line } of lines) {
      if (event.sequence <= this.#state.last_sequence) continue;
      foldRunState(this.#state, event, utf8Length(line) + 1);
      changed = true;
    }
    if (changed) this.#run = { ...this.#run, ...fieldsOf(this.#state) };
  }

  /** Name, labels and pin as somebody has edited them: no line says so. */
  edit({ name, labels, pinned }: Pick<RunWithText, "name" | "labels" | "pinned">): void {
    this.#run = { ...this.#run, name, labels, pinned };
  }

  /** The server's own word: after the end it knows more than the lines say. One that is older than the lines is passed over. */
  correct(run: RunWithText): void {
    const isOlder = isTerminal(this.#run.status)
      ? !isTerminal(run.status)
      : run.last_sequence < this.#run.last_sequence;
    if (isOlder) return;
    const { control } = this.#state;
    this.#run = run;
    this.#state = { ...stateOf(run), control: isTerminal(run.status) ? [] : control };
  }
}

/** What the lines say of a run; the rest of it only the server knows. */
function stateOf(run: RunWithText): RunState {
  const { status, created_at, started_at, completed_at, duration_ms, progress, exit_code, failure } = run;
  const { name, workflow_id, workflow_version, labels, last_sequence, event_bytes, events_path, output_paths } = run;
  return {
    ...newRunState(),
    status,
    created_at,
    started_at,
    completed_at,
    duration_ms,
    progress,
    exit_code,
    failure,
    name,
    workflow_id,
    workflow_version,
    labels,
    last_sequence,
    event_bytes,
    events_path,
    output_paths,
    producer_lost: run.stale,
  };
}

function fieldsOf(state: RunState): Partial<RunWithText> {
  const { status, started_at, completed_at, duration_ms, progress, exit_code, last_sequence, event_bytes } = state;
  return {
    status,
    started_at,
    completed_at,
    duration_ms,
    progress,
    exit_code,
    last_sequence,
    event_bytes,
    // Of an open run the fold keeps the last `run.error`; it becomes the run's failure only with its end.
    failure: isTerminal(status) ? state.failure : null,
    events_path: state.events_path,
    output_paths: state.output_paths,
    stale: state.producer_lost,
  };
}
