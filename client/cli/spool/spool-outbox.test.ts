import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { OutgoingBatch } from "../../outbox.ts";
import { SpoolFiles } from "./spool-files.ts";
import { SpoolOutbox } from "./spool-outbox.ts";
import { FIRST_STATE } from "./spool-state.ts";

const root = mkdtempSync(join(tmpdir(), "runcast-spool-"));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
const folderFor = (): string => {
  const folder = join(root, String((count += 1)));
  mkdirSync(folder);
  return folder;
};
const noTrouble = {
  onFull: (cause: unknown) => expect.unreachable(String(cause)),
  onAbandoned: (cause: unknown) => expect.unreachable(String(cause)),
};
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
        const last =
          readdirSync(folder)
            .filter((name) => name.startsWith("lines-"))
            .toSorted()
            .at(-1) ?? "";
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
      expect(readdirSync(folder).filter((name) => name.startsWith("lines-"))).toHaveLength(1);
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
  const [name = ""] = readdirSync(folder).filter((one) => one.startsWith("lines-"));
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
  truncateSync(join(folder, readdirSync(folder).find((one) => one.startsWith("lines-")) ?? ""), 4);
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
  const names = readdirSync(folder)
    .filter((one) => one.startsWith("lines-"))
    .toSorted();
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
