import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import * as z from "zod";
import { createRunSchema } from "../../../protocol/api.ts";
import { randomId } from "../../random-id.ts";
import { isSet } from "../terminal.ts";
import { identifyProcess, ownerOf, takeOver } from "./owner.ts";
import type { ProcessIdentity } from "./owner.ts";
import { segmentName, segmentStarts, SpoolFiles } from "./spool-files.ts";
import { SpoolOutbox } from "./spool-outbox.ts";
import type { SpoolTrouble } from "./spool-outbox.ts";
import { FIRST_STATE, readState } from "./spool-state.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const noteSchema = z.object({
  version: z.literal(1),
  created_at: z.iso.datetime(),
  /** `pipe` has no command of its own. */
  kind: z.enum(["run", "pipe"]),
  url: z.string(),
  workspace_id: z.string(),
  /** As it is asked for, masked, and the key that makes it one run however often. */
  run: createRunSchema.extend({ parameters_text: z.string().optional() }),
  idempotency_key: z.string(),
  producer_id: z.string(),
});
/** What is to be known of a run to deliver its lines. No token: who resumes has one. */
export type SpoolNote = z.infer<typeof noteSchema>;

/** Lines of one run that are kept on disk until the server has them, and what is to be known to deliver them. */
export type Spool = { folder: string; note: SpoolNote; outbox: SpoolOutbox };

/** What stands in the folder of all spools. */
export type FoundSpool = {
  folder: string;
  /** Of its folder. */
  name: string;
  note: SpoolNote;
  runId: string | null;
  bytes: number;
  /** When its process last wrote something down. */
  writtenAt: Date;
  /** The living process that delivers it. */
  owner: ProcessIdentity | null;
};

/** `RUNCAST_SPOOL`, else where the XDG specification wants what is to outlive a process. */
export function spoolRoot(environment: Environment): string {
  const own = environment["RUNCAST_SPOOL"];
  if (isSet(own)) return own;
  const state = environment["XDG_STATE_HOME"];
  return join(isSet(state) ? state : join(homedir(), ".local", "state"), "runcast", "spool");
}

/** A spool of this process. Throws when it cannot be made. */
export function createSpool(root: string, note: SpoolNote, trouble: SpoolTrouble): Spool {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const name = randomId();
  // Under another name until it is whole, so that nobody finds one without an owner.
  const draft = join(root, `.${process.pid}-${name}`);
  const folder = join(root, name);
  mkdirSync(draft, { mode: 0o700 });
  try {
    takeOver(draft);
    writeFileSync(join(draft, "note.json"), JSON.stringify(note), { mode: 0o600, flag: "wx" });
    SpoolFiles.create(draft).close();
    renameSync(draft, folder);
  } catch (cause) {
    rmSync(draft, { recursive: true, force: true });
    throw cause;
  }
  const opened = SpoolFiles.open(folder);
  if (opened === null) throw new Error(`${folder} cannot be read back`);
  return { folder, note, outbox: new SpoolOutbox(opened.files, FIRST_STATE, trouble) };
}

export type OpenedSpool =
  | { kind: "opened"; spool: Spool }
  | { kind: "owned"; by: ProcessIdentity }
  | { kind: "unusable"; cause: unknown }
  /** Somebody else has delivered or discarded it meanwhile. */
  | { kind: "gone" }
  | { kind: "damaged" };

/** A spool whose process has ended, for this one to go on with. */
export function openSpool({ folder, note }: FoundSpool, trouble: SpoolTrouble): OpenedSpool {
  try {
    const taken = takeOver(folder);
    if (taken.kind === "owned") return taken;
    const opened = SpoolFiles.open(folder);
    if (opened === null) return { kind: "damaged" };
    return { kind: "opened", spool: { folder, note, outbox: new SpoolOutbox(opened.files, opened.state, trouble) } };
  } catch (cause) {
    return isMissing(cause) ? { kind: "gone" } : { kind: "unusable", cause };
  }
}

/** Deletes a spool. Under the name of one that is not whole, because a kill may come between two of its files. [SPL6] */
export function removeSpool(folder: string): void {
  const gone = join(dirname(folder), `.${process.pid}-${basename(folder)}`);
  try {
    renameSync(folder, gone);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
  }
  rmSync(gone, { recursive: true, force: true });
}

/** The oldest first, and the folders of those that cannot be read. One whose process was killed while it made or deleted it is removed. */
export function findSpools(root: string): { spools: FoundSpool[]; unreadable: string[] } {
  const spools: FoundSpool[] = [];
  const unreadable: string[] = [];
  for (const name of namesIn(root)) {
    const draft = /^\.(\d+)-/.exec(name);
    if (draft !== null) {
      if (identifyProcess(Number(draft[1])) === null) rmSync(join(root, name), { recursive: true, force: true });
      continue;
    }
    const read = readSpool(root, name);
    if (read.kind === "read") spools.push(read.spool);
    else if (read.kind === "unreadable") unreadable.push(join(root, name));
  }
  return { spools: spools.toSorted((a, b) => a.note.created_at.localeCompare(b.note.created_at)), unreadable };
}

/** What all spools take of the disk. */
export function bytesIn(root: string): number {
  return namesIn(root)
    .flatMap((name) => namesIn(join(root, name)).map((file) => join(root, name, file)))
    .reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}

type ReadSpool = { kind: "read"; spool: FoundSpool } | { kind: "gone" } | { kind: "unreadable" };

function readSpool(root: string, name: string): ReadSpool {
  const folder = join(root, name);
  try {
    const note = readNote(readFileSync(join(folder, "note.json"), "utf8"));
    if (note === null) return { kind: "unreadable" };
    const state = readState(readFileSync(join(folder, "state"), "latin1"))?.state ?? FIRST_STATE;
    const done = state.answered ? state.to : state.from;
    const files = segmentStarts(folder).map((start) => {
      const { size, mtimeMs } = statSync(join(folder, segmentName(start)));
      return { end: start + size, mtimeMs };
    });
    const lastByte = Math.max(done, ...files.map(({ end }) => end));
    const writtenMs = Math.max(...[...files, statSync(join(folder, "state"))].map(({ mtimeMs }) => mtimeMs));
    const { runId } = state;
    const writtenAt = new Date(writtenMs);
    return {
      kind: "read",
      spool: { folder, name, note, runId, bytes: lastByte - done, writtenAt, owner: ownerOf(folder) },
    };
  } catch (cause) {
    // Delivered or discarded while it was looked at.
    if (isMissing(cause)) return { kind: existsSync(folder) ? "unreadable" : "gone" };
    throw cause;
  }
}

function readNote(text: string): SpoolNote | null {
  try {
    return noteSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if (isMissing(cause) || (cause instanceof Error && "code" in cause && cause.code === "ENOTDIR")) return [];
    throw cause;
  }
}

const isMissing = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "ENOENT";
