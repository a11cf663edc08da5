import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { completion, event, line, RUN, RunWorld, SIGNER } from "../../test/fakes/run-world.ts";
import { manifestKey, segmentKey, wholeLogKey } from "../../storage/log-keys.ts";
import type { Hash } from "../../protocol/proof/log-verifier.ts";
import { manifestText, signedText } from "../../protocol/proof/manifest.ts";
import type { ArchiveProof } from "../../protocol/proof/prove-archive.ts";
import { verifyLog, type StoredBytes } from "./verify-log.ts";

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

function newHash(): Hash {
  const hash = createHash("sha256");
  return { update: async (bytes) => void hash.update(bytes), hex: async () => hash.digest("hex") };
}

/** The bytes in pieces of `size`, as no reader may depend on where they are cut. */
async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** `between` happens before each look at what is stored. */
function storedBytes(world: RunWorld, size = 100, between: () => void | Promise<void> = () => {}): StoredBytes {
  const get = async (key: string) => {
    await between();
    const bytes = world.archive.objects.get(key);
    return bytes === undefined ? null : pieces(bytes, size);
  };
  return {
    tail: async (after) => {
      await between();
      return world.run.tail(after);
    },
    segment: (segment) => get(segmentKey(RUN, segment)),
    whole: () => get(wholeLogKey(RUN)),
    manifest: async () => world.archive.objects.get(manifestKey(RUN))?.toString() ?? null,
    newHash,
    sha256: async (bytes) => createHash("sha256").update(bytes).digest(),
    check: SIGNER.check,
  };
}

async function proofOf(stored: StoredBytes, known: { isEnded: boolean; lastSequence: number }): Promise<ArchiveProof> {
  let proof: ArchiveProof | null = null;
  let read = 0;
  for await (const step of verifyLog(stored, known)) {
    if (step.kind === "proof") proof = step.proof;
    else {
      expect(step.bytes).toBeGreaterThan(0);
      read += 1;
    }
  }
  if (proof === null) throw new Error("no proof");
  if (proof.events > 1) expect(read).toBeGreaterThan(0);
  return proof;
}

/** A run of some segments and a hot end, or its archive. */
async function makeRun(isEnded: boolean): Promise<RunWorld> {
  const world = new RunWorld();
  world.create();
  for (let batch = 0; batch < 4; batch += 1) {
    world.append({ drafts: [event("x.y", { n: batch }), line(`é${batch}`), line("x".repeat(300))] });
    await world.advance(61_000);
  }
  world.append({ drafts: [line("hot"), line("hotter")] });
  if (!isEnded) return world;
  world.append({ completes: completion("succeeded") });
  await world.advance(10_000);
  expect(world.manifest()?.segments.length).toBeGreaterThan(3);
  return world;
}

/** A segment, or the whole log. */
const isOfLog = (key: string): boolean => /\/(events|segments\/[\d-]+)\.ndjson$/.test(key);
const head = (world: RunWorld) => ({ isEnded: world.wholeLog() !== null, lastSequence: world.lines().length });

describe.each([
  ["an open run", false],
  ["an archived run", true],
])("%s", (_what, isEnded) => {
  test("[VER1] [VER2] that is whole is complete, and its hash is that of its lines", async () => {
    const world = await makeRun(isEnded);
    for (const size of [1, 7, 100_000]) {
      expect(await proofOf(storedBytes(world, size), head(world))).toEqual({
        complete: true,
        events: world.lines().length,
        sha256: sha256(world.logText()),
        gaps: [],
        damaged: [],
        manifest: isEnded ? "valid" : "not_yet",
        signed_by: isEnded ? SIGNER.keyId : null,
      });
    }
  });

  test("[VER2] no byte can be changed without being found, near where it is", async () => {
    const world = await makeRun(isEnded);
    const known = head(world);
    const keys = [...world.archive.objects.keys()].filter(isOfLog);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...keys), fc.nat(), fc.integer({ min: 1, max: 255 }), async (key, at, flip) => {
        const bytes = world.archive.objects.get(key) ?? Buffer.alloc(0);
        const place = at % bytes.length;
        const damaged = Buffer.from(bytes);
        damaged[place] = (damaged[place] ?? 0) ^ flip;
        world.archive.objects.set(key, damaged);
        const proof = await proofOf(storedBytes(world), known);
        world.archive.objects.set(key, bytes);
        expect(proof.complete).toBe(false);
        // The line with the byte is in a range, and no range reaches beyond the part that was hashed together.
        const first = Number(/"sequence":(\d+)/.exec(bytes.toString())?.[1]);
        const sequence = first + bytes.subarray(0, place).filter((byte) => byte === 0x0a).length;
        const part = partsOf(world).find((one) => one.first <= sequence && one.last >= sequence);
        const ranges = [...proof.gaps, ...proof.damaged];
        expect(ranges.some((range) => range.first <= sequence + 1 && range.last >= sequence)).toBe(true);
        for (const range of ranges) {
          expect(range.first).toBeGreaterThanOrEqual((part?.first ?? 0) - 1);
          expect(range.last).toBeLessThanOrEqual((part?.last ?? 0) + 1);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("[VER1] a line that is missing is a gap, one that is there twice is damage", async () => {
    const world = await makeRun(isEnded);
    const known = head(world);
    for (const [key, bytes] of [...world.archive.objects].filter(([name]) => isOfLog(name))) {
      const lines = bytes.toString().trimEnd().split("\n");
      for (const [at, one] of lines.entries()) {
        const sequence = Number(/"sequence":(\d+)/.exec(one)?.[1]);
        world.archive.objects.set(
          key,
          Buffer.from(
            lines
              .toSpliced(at, 1)
              .map((text) => `${text}\n`)
              .join(""),
          ),
        );
        const missing = await proofOf(storedBytes(world), known);
        expect(missing).toMatchObject({ complete: false, gaps: [{ first: sequence, last: sequence }], damaged: [] });
        expect(missing.events).toBe(known.lastSequence - 1);
        world.archive.objects.set(
          key,
          Buffer.from(
            lines
              .toSpliced(at, 0, one)
              .map((text) => `${text}\n`)
              .join(""),
          ),
        );
        const doubled = await proofOf(storedBytes(world), known);
        expect(doubled.complete).toBe(false);
        expect(doubled.gaps).toEqual([]);
        expect(doubled.damaged.some(({ first, last }) => first <= sequence && last >= sequence)).toBe(true);
        world.archive.objects.set(key, bytes);
      }
    }
  });

  test("[VER1] an object that is cut anywhere is damaged where it ends and a gap from there on", async () => {
    const world = await makeRun(isEnded);
    const known = head(world);
    const keys = [...world.archive.objects.keys()].filter(isOfLog);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...keys), fc.nat(), async (key, at) => {
        const bytes = world.archive.objects.get(key) ?? Buffer.alloc(0);
        const cut = bytes.subarray(0, at % bytes.length);
        world.archive.objects.set(key, cut);
        const proof = await proofOf(storedBytes(world), known);
        world.archive.objects.set(key, bytes);
        const first = Number(/"sequence":(\d+)/.exec(bytes.toString())?.[1]);
        const whole = cut.filter((byte) => byte === 0x0a).length;
        const last = first + bytes.filter((byte) => byte === 0x0a).length - 1;
        const isMidLine = cut.length > 0 && cut.at(-1) !== 0x0a;
        const damaged = isMidLine ? [{ first: first + whole, last: first + whole }] : [];
        const gapFrom = first + whole + damaged.length;
        expect(proof).toMatchObject({
          complete: false,
          damaged,
          gaps: gapFrom > last ? [] : [{ first: gapFrom, last }],
        });
      }),
      { numRuns: 200 },
    );
  });

  test("[VER1] an object that is gone is a gap", async () => {
    const world = await makeRun(isEnded);
    const key = [...world.archive.objects.keys()].filter(isOfLog).at(0) ?? "";
    const bytes = world.archive.objects.get(key)?.toString() ?? "";
    const count = bytes.split("\n").length - 1;
    const known = head(world);
    world.archive.objects.delete(key);
    expect(await proofOf(storedBytes(world), known)).toMatchObject({
      complete: false,
      gaps: [{ first: 1, last: count }],
      damaged: [],
      events: known.lastSequence - count,
    });
  });
});

/** Lines that are stored together. */
function partsOf(world: RunWorld): { first: number; last: number }[] {
  const tail = world.run.tail(0);
  const segments =
    tail.kind === "tail"
      ? tail.segments.map(({ firstSequence, lastSequence }) => ({ first: firstSequence, last: lastSequence }))
      : [];
  const proved = world.manifest()?.segments ?? [];
  return [...segments, ...proved.map((one) => ({ first: one.first_sequence, last: one.last_sequence }))];
}

test("[VER2] a manifest of other lines proves nothing: its hash is held against the log's", async () => {
  const world = await makeRun(true);
  const known = world.manifest();
  if (known === null) throw new Error("no manifest");
  const manifest = { ...known, sha256: sha256("something else"), signature: undefined };
  const file = manifestText(manifest, SIGNER.sign(signedText(manifest)));
  world.archive.objects.set(manifestKey(RUN), Buffer.from(file));
  expect(await proofOf(storedBytes(world), head(world))).toMatchObject({
    complete: false,
    damaged: [{ first: 1, last: world.lines().length, reason: "altered" }],
    manifest: "valid",
  });
});

test("[VER2] without its manifest nothing vouches for an archived log", async () => {
  const world = await makeRun(true);
  world.archive.objects.delete(manifestKey(RUN));
  const lastSequence = world.lines().length;
  expect(await proofOf(storedBytes(world), { isEnded: true, lastSequence })).toMatchObject({
    complete: false,
    events: lastSequence,
    damaged: [{ first: 1, last: lastSequence }],
  });
});

test("[VER1] a log and its manifest that both end early are short of what is known of the run", async () => {
  const world = await makeRun(true);
  const lastSequence = world.lines().length + 3;
  expect(await proofOf(storedBytes(world), { isEnded: true, lastSequence })).toMatchObject({
    complete: false,
    gaps: [{ first: lastSequence - 2, last: lastSequence }],
  });
});

test("[VER3] a run that is written, flushed, ended and archived while it is read is complete all the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("append", "flush", "end", "nothing"), { maxLength: 30 }),
      async (acts) => {
        const world = await makeRun(false);
        const known = head(world);
        const proof = await proofOf(
          storedBytes(world, 1_000, async () => {
            const act = acts.shift();
            if (act === "append") world.append({ drafts: [line("more"), line("and more")] });
            if (act === "flush") await world.advance(61_000);
            if (act === "end") {
              world.append({ completes: completion("succeeded") });
              await world.advance(10_000);
            }
          }),
          known,
        );
        expect(proof).toMatchObject({ complete: true, gaps: [], damaged: [] });
        expect(proof.events).toBeGreaterThanOrEqual(known.lastSequence);
        const lines = world.lines().slice(0, proof.events);
        expect(proof.sha256).toBe(sha256(lines.map((one) => `${one}\n`).join("")));
      },
    ),
    { numRuns: 150 },
  );
});

test("[VER3] hot lines that become a segment while they are read are read once", async () => {
  const world = new RunWorld();
  world.create();
  world.archive.interrupt = () => {
    throw new Error("R2 is away");
  };
  // A look at the hot end gives three of these at a time, a segment takes two.
  for (let batch = 0; batch < 8; batch += 1) {
    world.append({ drafts: [line("x".repeat(200_000)), line("y".repeat(200_000))] });
  }
  const known = head(world);
  let looks = 0;
  const proof = await proofOf(
    storedBytes(world, 100_000, async () => {
      looks += 1;
      if (looks !== 3) return;
      world.archive.interrupt = () => {};
      await world.advance(120_000);
      expect(world.run.tail(0)).toMatchObject({ window: null });
    }),
    known,
  );
  expect(looks).toBeGreaterThan(3);
  expect(proof).toMatchObject({ complete: true, gaps: [], damaged: [] });
  expect(proof.sha256).toBe(
    sha256(
      world
        .lines()
        .slice(0, proof.events)
        .map((one) => `${one}\n`)
        .join(""),
    ),
  );
});
