import type { NewRun } from "../../run-with-text.ts";
import { countLines, unreadableLines } from "../delivery-words.ts";
import type { Server } from "../server.ts";
import type { Voice } from "../voice.ts";
import type { SpoolOutbox } from "./spool-outbox.ts";
import type { SpoolNote } from "./spool.ts";
import { bytesIn, createSpool, removeSpool, spoolRoot } from "./spool.ts";

const DEFAULT_BYTES = 1024 * 1024 * 1024;
/** What others left must not keep a new run from being kept at all. */
const LEAST_BYTES = 64 * 1024 * 1024;

export type StartedSpool = {
  outbox: SpoolOutbox;
  maxBytes: number;
  /** Nothing in it is needed any more. */
  remove: () => void;
};

export type SpoolOptions = {
  kind: SpoolNote["kind"];
  server: Server;
  workspaceId: string;
  /** Masked. */
  run: NewRun;
  key: string;
  producerId: string;
  environment: NodeJS.ProcessEnv;
  voice: Voice;
  /** So many lines will never be in the log. */
  onMissing: (lines: number) => void;
};

/** A spool for a run of this process; null, and words about why, when there cannot be one: watching never fails the job. */
export function startSpool(options: SpoolOptions): StartedSpool | null {
  const { environment, voice } = options;
  const say = (text: string) => voice.say(text);
  const bound = readBound(environment["RUNCAST_SPOOL_BYTES"]);
  if (bound.kind === "wrong") say(bound.reason);
  if (bound.bytes === 0) return null;
  try {
    const root = spoolRoot(environment);
    const maxBytes = Math.max(bound.bytes - bytesIn(root), Math.min(bound.bytes, LEAST_BYTES));
    const spool = createSpool(root, noteOf(options), {
      onFull: (cause) =>
        say(
          `the spool cannot be written (${reasonOf(cause)}): lines that the server does not have yet are in memory alone from here on, and lost with this process.`,
        ),
      onAbandoned: (cause) => {
        say(
          `the spool cannot be kept (${reasonOf(cause)}): lines that the server does not have yet are lost with this process.`,
        );
        remove();
      },
      onUnreadable: (cause, lines) => {
        options.onMissing(lines);
        say(
          `the spool cannot be read (${reasonOf(cause)}): ${countLines(lines)} missing in the log; from here on lines that the server does not have yet are in memory alone, and lost with this process.`,
        );
        return unreadableLines(lines);
      },
      onUntidy: (cause) => say(`a file in ${spool.folder} cannot be deleted or closed (${reasonOf(cause)}).`),
    });
    const remove = () => {
      try {
        removeSpool(spool.folder);
      } catch (cause) {
        say(`${spool.folder} is not needed any more and cannot be deleted (${reasonOf(cause)}).`);
      }
    };
    return { outbox: spool.outbox, maxBytes, remove };
  } catch (cause) {
    say(`lines cannot be kept on disk (${reasonOf(cause)}); those not delivered are lost with this process.`);
    return null;
  }
}

function noteOf({ kind, server, workspaceId, run, key, producerId }: SpoolOptions): SpoolNote {
  const made = { workspace_id: workspaceId, run, idempotency_key: key };
  const created_at = new Date().toISOString();
  return { version: 1, created_at, kind, url: server.url, ...made, producer_id: producerId };
}

type Bound = { kind: "read"; bytes: number } | { kind: "wrong"; bytes: number; reason: string };

function readBound(text: string | undefined): Bound {
  if (text === undefined || text === "") return { kind: "read", bytes: DEFAULT_BYTES };
  if (/^\d{1,15}$/.test(text)) return { kind: "read", bytes: Number(text) };
  const reason = `RUNCAST_SPOOL_BYTES is not a number of bytes: ${text}. ${DEFAULT_BYTES} is used.`;
  return { kind: "wrong", bytes: DEFAULT_BYTES, reason };
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
