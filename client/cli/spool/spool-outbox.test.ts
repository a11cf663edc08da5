import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { OutgoingBatch } from "../../outbox.ts";
import { SpoolFiles } from "./spool-files.ts";
import { SpoolOutbox } from "./spool-outbox.ts";
import type { SpoolTrouble } from "./spool-outbox.ts";
import { FIRST_STATE } from "./spool-state.ts";

const root = mkdtempSync(join(tmpdir(), "runcast-spool-"));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
const linesFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith("lines-"))
    .toSorted();
const folderFor = (): string => {
  const folder = join(root, String((count += 1)));
  mkdirSync(folder);
  return folder;
};
const noTrouble = {
  onFull: (cause: unknown) => expect.unreachable(String(cause)),
  onAbandoned: (cause: unknown) => expect.unreachable(String(cause)),
  onUnreadable: (cause: unknown) => expect.unreachable(String(cause)),
  onUntidy: (cause: unknown) => expect.unreachable(String(cause)),
};
/** Every trouble that is told, and of lines that cannot be read how many. */
function told() {
  const troubles: [what: string, lines?: number][] = [];
  const trouble: SpoolTrouble = {
    onFull: () => troubles.push(["full"]),
    onAbandoned: () => troubles.push(["abandoned"]),
    onUnreadable: (_cause, lines) => {
      troubles.push(["unreadable", lines]);
      return [`${lines} missing`];
    },
    onUntidy: () => troubles.push(["untidy"]),
  };
  return { troubles, trouble };
}
const SEGMENT_BYTES = 200;
const MAX_BYTES = 64;
const begin = (folder: string) => new SpoolOutbox(SpoolFiles.create(folder, SEGMENT_BYTES), FIRST_STATE, noTrouble);
function reopen(folder: string): SpoolOutbox {
  const opened = SpoolFiles.open(folder, SEGMENT_BYTES);
  if (opened === null) throw new Error(`${folder} is damaged`);
  return new SpoolOutbox(opened.files, opened.state, noTrouble);
}

/** What the server keeps of a producer: each batch of an epoch once, none of an older epoch. */
class Server {
  readonly stored: string[] = [];
  #epoch = 0;
  #batch = 0;

  take({ number, body }: OutgoingBatch): "stored" | "duplicate" {
    if (number.epoch === this.#epoch && number.sequence === this.#batch) return "duplicate";
    const isNext = number.epoch > this.#epoch ? number.sequence === 1 : number.sequence === this.#batch + 1;
    if (number.epoch < this.#epoch || !isNext) throw new Error(`refused: ${JSON.stringify(number)}`);
    this.#epoch = number.epoch;
    this.#batch = number.sequence;
    this.stored.push(...new TextDecoder().decode(body).split("\n").slice(0, -1));
    return "stored";
  }
}

type Step =
  | { kind: "write"; chars: number[] }
  | { kind: "send"; isStored: boolean; isAnswered: boolean }
  /** What a kill cut off in the middle of a write stands behind the last line. */
  | { kind: "kill"; torn: string };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      chars: fc.array(fc.nat({ max: 150 }), { maxLength: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("send" as const), isStored: fc.boolean(), isAnswered: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("kill" as const), torn: fc.constantFrom("", '{"type":"con', "é") }),
  },
);

test("[SPL1] [SPL2] [SPL4] written, sent, answered or not, killed and resumed at any point: every line once, in order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const folder = folderFor();
      const server = new Server();
      const written: string[] = [];
      let outbox = begin(folder);
      let epoch = 0;
      let batches = 0;
      let out: OutgoingBatch | null = null;
      const send = ({ isStored, isAnswered }: { isStored: boolean; isAnswered: boolean }) => {
        if (out === null && outbox.lines === 0) return;
        // An unanswered batch of an older epoch goes first, under its old number.
        out ??= outbox.takeBatch(MAX_BYTES, { epoch, sequence: (batches += 1) });
        if (!isStored) return;
        server.take(out);
        if (!isAnswered) return;
        outbox.acknowledge();
        out = null;
      };
      const kill = (torn: string) => {
        // Its files stay open, as those of a process that is gone do not; nothing is written to them any more.
        const last = linesFiles(folder).at(-1) ?? "";
        appendFileSync(join(folder, last), torn);
        outbox.close();
        outbox = reopen(folder);
        epoch = outbox.state.epoch + 1;
        batches = 0;
        out = outbox.unanswered;
      };
      for (const one of steps) {
        if (one.kind === "write") {
          for (const chars of one.chars) {
            const line = `${written.length} ${"é".repeat(chars)}`;
            written.push(line);
            outbox.push(line);
          }
          outbox.flush();
        } else if (one.kind === "send") send(one);
        else kill(one.torn);
      }
      kill("");
      while (out !== null || outbox.lines > 0) send({ isStored: true, isAnswered: true });
      expect(server.stored).toEqual(written);
      expect(outbox.bytes).toBe(0);
      // What is stored takes no room: one file is left, for what would come.
      expect(linesFiles(folder)).toHaveLength(1);
      outbox.close();
    }),
    { numRuns: 300 },
  );
});

test("[SPL2] cut anywhere in its last file, a spool gives the whole lines before the cut", () => {
  const folder = folderFor();
  const outbox = begin(folder);
  for (let line = 0; line < 30; line += 1) outbox.push(`line ${line}`);
  outbox.flush();
  outbox.close();
  const [name = ""] = linesFiles(folder);
  const { size } = statSync(join(folder, name));
  for (let cut = 0; cut <= size; cut += 1) {
    const copy = folderFor();
    cpSync(folder, copy, { recursive: true });
    const text = Array.from({ length: 30 }, (_, line) => `line ${line}\n`).join("");
    truncateSync(join(copy, name), cut);
    const reopened = reopen(copy);
    expect(reopened.lines).toBe(text.slice(0, cut).split("\n").length - 1);
    reopened.push("next");
    reopened.flush();
    let all = "";
    for (let sequence = 1; reopened.lines > 0; sequence += 1) {
      all += new TextDecoder().decode(reopened.takeBatch(10_000, { epoch: 1, sequence }).body);
      reopened.acknowledge();
    }
    expect(all).toBe(`${text.slice(0, text.lastIndexOf("\n", cut - 1) + 1)}next\n`);
    reopened.close();
  }
});

test("lines that a state knows and the disk has lost are gone, and the next are not", () => {
  const folder = folderFor();
  const outbox = begin(folder);
  for (const line of ["one", "two", "three"]) outbox.push(line);
  outbox.takeBatch(1_000, { epoch: 0, sequence: 1 });
  outbox.acknowledge();
  outbox.close();
  truncateSync(join(folder, linesFiles(folder)[0] ?? ""), 4);
  const reopened = reopen(folder);
  expect([reopened.lines, reopened.bytes, reopened.unanswered]).toEqual([0, 0, null]);
  reopened.push("next");
  reopened.flush();
  expect(new TextDecoder().decode(reopened.takeBatch(1_000, { epoch: 1, sequence: 1 }).body)).toBe("next\n");
  reopened.close();
});

test("closed, it leaves the state to whoever goes on with it", () => {
  const folder = folderFor();
  const outbox = begin(folder);
  outbox.push("one");
  outbox.close();
  outbox.setRunId("late");
  expect(reopen(folder).state.runId).toBeNull();
});

test("what is damaged beyond a cut is said to be, and nothing is made up", () => {
  const folder = folderFor();
  const outbox = begin(folder);
  for (let line = 0; line < 100; line += 1) {
    outbox.push(`line ${line}`);
    outbox.flush();
  }
  outbox.close();
  const names = linesFiles(folder);
  expect(names.length).toBeGreaterThan(2);
  rmSync(join(folder, names[1] ?? ""));
  expect(SpoolFiles.open(folder, SEGMENT_BYTES)).toBeNull();
});

test("the end of a run is known whether it was sent or not", () => {
  const folder = folderFor();
  const outbox = begin(folder);
  outbox.push('{"type":"console.line"}');
  outbox.flush();
  expect(outbox.hasEnd).toBe(false);
  outbox.push('{"type":"run.completed","payload":{}}');
  outbox.flush();
  expect(outbox.hasEnd).toBe(true);
  outbox.takeBatch(1_000, { epoch: 0, sequence: 1 });
  outbox.acknowledge();
  outbox.close();
  expect(reopen(folder).hasEnd).toBe(true);
});

const END_LINE = '{"type":"run.completed","payload":{}}';
/** Everything that it gives, as a server that takes it has it, and how many lines it counts to be stored or missing. */
function deliver(outbox: SpoolOutbox) {
  const server = new Server();
  let lines = 0;
  let missing = 0;
  for (let sequence = 1; outbox.lines > 0; sequence += 1) {
    const batch = outbox.takeBatch(MAX_BYTES, { epoch: 0, sequence });
    server.take(batch);
    outbox.acknowledge();
    lines += batch.lines;
    missing += batch.missing ?? 0;
  }
  return { stored: server.stored, lines, missing };
}

test.each(["at once", "behind which more is written"])(
  "[SPL8] files that are cut under a living spool, %s: what is left, how much is missing, the end, and what comes later",
  (when) => {
    for (let cut = 0; cut <= 60; cut += 1) {
      const folder = folderFor();
      const { troubles, trouble } = told();
      const outbox = new SpoolOutbox(SpoolFiles.create(folder, 10_000), FIRST_STATE, trouble);
      const written = Array.from({ length: 8 }, (_, line) => `line ${line}`);
      for (const line of written) outbox.push(line);
      outbox.flush();
      truncateSync(join(folder, linesFiles(folder)[0] ?? ""), cut);
      if (when !== "at once") {
        for (const line of ["late", END_LINE]) outbox.push(line);
        outbox.flush();
      }
      const { stored, lines, missing } = deliver(outbox);
      const whole = Math.min(8, Math.floor(cut / 7));
      const left = written.slice(0, whole);
      const gap = when === "at once" ? 8 - whole : 9 - whole;
      const isCut = cut < 56;
      const gaps = isCut ? [`${gap} missing`] : [];
      const end = when === "at once" ? [] : isCut ? [END_LINE] : ["late", END_LINE];
      expect(stored).toEqual([...left, ...gaps, ...end]);
      expect(troubles).toEqual(isCut ? [["unreadable", gap]] : []);
      expect(lines + missing).toBe(when === "at once" ? 8 : 10);
      // Later lines are not entrusted to it.
      outbox.push("later");
      expect(outbox.linesInMemory).toBe(isCut ? 1 : 0);
      expect(deliver(outbox).stored).toEqual(["later"]);
      outbox.close();
    }
  },
);

test("[SPL8] who resumes a spool that could not be read is given nothing of it a second time", () => {
  const folder = folderFor();
  const { trouble } = told();
  const outbox = new SpoolOutbox(SpoolFiles.create(folder, SEGMENT_BYTES), FIRST_STATE, trouble);
  for (const line of ["one", "two", "three"]) outbox.push(line);
  outbox.flush();
  const [name = ""] = linesFiles(folder);
  truncateSync(join(folder, name), 0);
  const { missing } = outbox.takeBatch(MAX_BYTES, { epoch: 0, sequence: 1 });
  expect([missing, outbox.linesInMemory]).toEqual([3, 3]);
  outbox.replaceMemory(["4 missing", END_LINE]);
  outbox.close();
  const reopened = reopen(folder);
  expect([reopened.unanswered, reopened.hasEnd]).toEqual([null, true]);
  expect(deliver(reopened).stored).toEqual(["4 missing", END_LINE]);
  reopened.close();
});

test("[SPL8] files that are closed under a living spool: nothing is thrown, each trouble is told once", () => {
  const { troubles, trouble } = told();
  const files = SpoolFiles.create(folderFor(), SEGMENT_BYTES);
  const outbox = new SpoolOutbox(files, FIRST_STATE, trouble);
  for (const line of ["one", "two"]) outbox.push(line);
  outbox.flush();
  files.close();
  outbox.push(END_LINE);
  expect(deliver(outbox)).toEqual({ stored: ["2 missing", END_LINE], lines: 1, missing: 2 });
  outbox.close();
  expect(troubles).toEqual([["full"], ["unreadable", 2], ["abandoned"], ["untidy"]]);
});

test("[SPL8] a file that cannot be deleted: it is told once, and who resumes finds no gap behind it", () => {
  const folder = folderFor();
  const { troubles, trouble } = told();
  const outbox = new SpoolOutbox(SpoolFiles.create(folder, SEGMENT_BYTES), FIRST_STATE, trouble);
  const write = (from: number, to: number) => {
    for (let line = from; line < to; line += 1) {
      outbox.push(`line ${line}`);
      outbox.flush();
    }
  };
  write(0, 100);
  // As root, too, nothing but a folder cannot be deleted as a file.
  const [first = ""] = linesFiles(folder);
  renameSync(join(folder, first), join(folder, "away"));
  mkdirSync(join(folder, first));
  expect(deliver(outbox).stored).toHaveLength(100);
  expect(troubles).toEqual([["untidy"]]);
  rmSync(join(folder, first), { recursive: true });
  renameSync(join(folder, "away"), join(folder, first));
  outbox.close();
  expect(reopen(folder).lines).toBe(0);
});
