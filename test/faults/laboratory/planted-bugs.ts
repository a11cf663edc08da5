import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "esbuild";
import { ROOT } from "../../../local/state-folder.ts";

/** `find` stands in the file exactly once. */
type Change = { file: string; find: string; replace: string };

/** A mistake that somebody could make, as a change of the product's text. */
export type PlantedBug = { name: string; changes: Change[] };

/** One at a time is put into the bundle, and the laboratory must find it. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "acknowledge before the write",
    changes: [
      {
        file: "durable-objects/run-object.ts",
        find: "    const outcome = this.#run.append(unpackAppend(packed));\n    await this.#run.settle();",
        // Lines are answered where they will be, and written with the next timer.
        replace: `    const request = unpackAppend(packed);
    const run = this.#run.describe();
    if (run.kind === "run" && run.run.completed_at === null && request.content.kind === "events" && request.content.completion === null) {
      setTimeout(() => this.#run.append(request), 5);
      const head = run.run.last_sequence;
      const accepted = request.content.drafts.length;
      return { kind: "appended", firstSequence: head + 1, lastSequence: head + accepted, accepted, duplicate: false, control: [] };
    }
    const outcome = this.#run.append(request);
    await this.#run.settle();`,
      },
    ],
  },
  {
    name: "fan out before the write",
    changes: [
      {
        file: "core/run/log-keeper.ts",
        find: "for (const row of rows) this.#log.append(row);",
        replace: "globalThis.setTimeout(() => { for (const row of rows) this.#log.append(row); }, 30);",
      },
      {
        file: "durable-objects/run-object.ts",
        find: "    const outcome = this.#run.append(unpackAppend(packed));\n    await this.#run.settle();",
        replace:
          "    const outcome = this.#run.append(unpackAppend(packed));\n    await new Promise((resolve) => setTimeout(resolve, 60));\n    await this.#run.settle();",
      },
    ],
  },
  {
    name: "forget the producer's number",
    changes: [
      {
        file: "core/run/run-memory.ts",
        find: "if (isNews) remember(memory.producers, mark);",
        replace:
          "if (isNews && mark.sequence % 2 === 0) remember(memory.producers, { ...mark, sequence: mark.sequence - 1 });",
      },
    ],
  },
  {
    name: "drop the last batch at the seam",
    changes: [
      {
        file: "core/run/log-source.ts",
        find: "? this.#hotWindow(sequence) :",
        replace:
          "? this.#hotWindow(sequence > 0 && sequence === storedThrough(memory) ? (this.#log.windowAfter(sequence, 1)?.lastSequence ?? sequence) : sequence) :",
      },
    ],
  },
  {
    name: "delete the segments before the manifest",
    changes: [
      {
        file: "core/run/archiver.ts",
        find: "        const manifest = await buildManifest(",
        replace:
          "        await archive.deleteSegments(run, memory.segments);\n        const manifest = await buildManifest(",
      },
    ],
  },
  {
    name: "flush twice with a longer range",
    changes: [
      {
        file: "core/run/archiver.ts",
        find: "        return putSegment(this.#ports, () => this.#host.memory(), memory, step.segment);",
        // Each attempt takes along what has come since the last one.
        replace: `        for (const row of log.rowsAfter(step.segment.lastSequence)) {
          const planned = memory.segments.at(-1);
          if (planned === undefined) continue;
          planned.lastSequence = row.lastSequence;
          planned.bytes += row.bytes;
        }
        return putSegment(this.#ports, () => this.#host.memory(), memory, memory.segments.at(-1) ?? step.segment);`,
      },
    ],
  },
  {
    name: "skip the D1 retry",
    changes: [
      {
        file: "core/run/index-outbox.ts",
        find: "      this.#retryAt = this.#ports.clock.now() + backoffMs(this.#failures);",
        replace:
          "      const given = this.#memory();\n      if (given !== null) this.#ports.log.putOutbox((given.outbox = { ...given.outbox, pending: false }));",
      },
    ],
  },
  {
    name: "lose the gather buffer at eviction",
    changes: [
      {
        file: "core/run/fan-out.ts",
        find: "if (state.position !== first.sequence - 1 || !state.caughtUp",
        replace: "if (!state.caughtUp",
      },
      { file: "core/run/fan-out.ts", find: "const GATHER_FACTOR = 3;", replace: "const GATHER_FACTOR = 300;" },
    ],
  },
  {
    name: "encode a line again",
    changes: [
      {
        file: "core/run/put-segment.ts",
        find: "    lines += row.lines;",
        replace:
          '    for (const line of row.lines.split("\\n")) if (line !== "") lines += JSON.stringify(JSON.parse(line)) + "\\n";',
      },
    ],
  },
  {
    name: "two run.completed",
    changes: [
      {
        file: "core/run/run.ts",
        find: '    if (isTerminal(memory.state.status)) {\n      return {\n        kind: "refused",\n        refusal: { code: "RUN_ENDED", detail: `The run has ${memory.state.status}; its log',
        replace:
          '    if (memory.state.status === "cancelled") {\n      return {\n        kind: "refused",\n        refusal: { code: "RUN_ENDED", detail: `The run has ${memory.state.status}; its log',
      },
      {
        file: "core/run/lifecycle.ts",
        find: "if (!canMove(now, completion.status)) return illegal",
        replace: 'if (status === "queued" && !canMove(now, completion.status)) return illegal',
      },
    ],
  },
];

/** Puts a bug into what is bundled. Throws when its place is not there any more: a bug that is not planted is found by nobody. */
export function plant(bug: PlantedBug): Plugin {
  const sources = new Map<string, string>();
  for (const { file, find, replace } of bug.changes) {
    const path = join(ROOT, file);
    const source = sources.get(path) ?? readFileSync(path, "utf8");
    if (source.split(find).length !== 2) throw new Error(`${bug.name}: ${file} does not have this once: ${find}`);
    sources.set(
      path,
      source.replace(find, () => replace),
    );
  }
  return {
    name: "planted-bug",
    setup: (build) =>
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const contents = sources.get(path);
        return contents === undefined ? undefined : { contents, loader: "ts" };
      }),
  };
}
