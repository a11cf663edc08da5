import { createHash } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { completion, line, RUN, RunWorld, SIGNER } from "../../../test/fakes/run-world.ts";
import { manifestKey, wholeLogKey } from "../../../storage/log-keys.ts";
import { manifestText, readManifest, signedText, type UnsignedManifest } from "../../../protocol/proof/manifest.ts";
import { describeProof } from "./describe-proof.ts";
import { readKey, type GivenKey } from "./given-key.ts";
import { verifyFile, type FileProof } from "./verify-file.ts";

const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");
const plain = { green: (text: string) => text, red: (text: string) => text };
const wordsOf = (proof: FileProof): string => describeProof(proof, plain).join("\n");

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** An archived run of several segments, as somebody downloaded it. */
let log: string;
let manifest: string;
let key: GivenKey;
beforeAll(async () => {
  const world = new RunWorld();
  world.create();
  for (let batch = 1; batch <= 4; batch += 1) {
    const drafts = [line(`é ${batch}`), line("x".repeat(50)), line("y")];
    world.append({ drafts, producer: { id: 'p",\n "signature": ', epoch: 0, sequence: batch } });
    await world.advance(61_000);
  }
  world.append({ completes: completion("succeeded") });
  await world.advance(10_000);
  log = world.wholeLog() ?? "";
  manifest = world.archive.objects.get(manifestKey(RUN))?.toString() ?? "";
  expect(world.archive.objects.has(wholeLogKey(RUN))).toBe(true);
  expect(world.manifest()?.segments.length).toBe(5);
  const read = readKey(SIGNER.publicKey);
  if (read.kind === "trouble") throw new Error(read.reason);
  key = read.key;
});
const count = (): number => log.split("\n").length - 1;

/** What is said of these files, of which nothing is left out. */
const verify = (
  change: { log?: string | Uint8Array; manifest?: string | null; key?: GivenKey | null } = {},
  size = 64,
): Promise<FileProof> => {
  const { log: body = log, manifest: file = manifest, key: by = key } = change;
  return verifyFile(pieces(Buffer.from(body), size), file, by?.check ?? null);
};

test("[SIG1] a log with its manifest and the key is complete, in whatever pieces it is read", async () => {
  for (const size of [1, 7, 1_000_000]) {
    const proof = await verify({}, size);
    expect(proof).toEqual({
      complete: true,
      events: count(),
      sha256: sha256(log),
      gaps: [],
      damaged: [],
      manifest: "valid",
      signed_by: SIGNER.keyId,
    });
    expect(wordsOf(proof)).toBe(`complete: ${count()} events, sha256 ${sha256(log)}, signed by ${SIGNER.keyId}`);
  }
});

test("[SIG1] no byte of the log or of its manifest can be changed, left out or added without being found", async () => {
  const change = fc.record({
    what: fc.constantFrom("log" as const, "manifest" as const),
    at: fc.nat(),
    how: fc.constantFrom("change" as const, "leave out" as const, "add" as const),
    byte: fc.integer({ min: 1, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ what, at, how, byte }) => {
      const before = Buffer.from(what === "log" ? log : manifest);
      const place = at % before.length;
      const instead =
        how === "leave out" ? [] : how === "add" ? [byte, before[place] ?? 0] : [(before[place] ?? 0) ^ byte];
      const after = Buffer.concat([before.subarray(0, place), Buffer.from(instead), before.subarray(place + 1)]);
      fc.pre(!after.equals(before));
      const proof = await verify(what === "log" ? { log: after } : { manifest: decode(after) });
      expect(proof.complete).toBe(false);
      expect(proof.signed_by).toBe(what === "log" ? SIGNER.keyId : null);
    }),
    { numRuns: 2_000 },
  );
});

test("[SIG1] a signature that is written otherwise is none: with blanks, or with other digits for the same bytes", async () => {
  const tail = manifest.lastIndexOf(',\n "signature"');
  for (let at = tail; at <= manifest.length; at += 1)
    for (const blank of [" ", "\n"])
      expect((await verify({ manifest: manifest.slice(0, at) + blank + manifest.slice(at) })).complete).toBe(false);
  // The last of the 86 digits stands for two bits of the signature and four of nothing.
  const end = manifest.lastIndexOf('"');
  const others = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    .split("")
    .filter((digit) => digit !== manifest[end - 1]);
  for (const digit of others) {
    const file = manifest.slice(0, end - 1) + digit + manifest.slice(end);
    expect(await verify({ manifest: file })).toMatchObject({ complete: false, manifest: "edited" });
  }
});

const decode = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

describe("each fault is told in its own words", () => {
  const lines = (): string[] => log.trimEnd().split("\n");
  const joined = (some: string[]): string => some.map((one) => `${one}\n`).join("");
  const signed = (change: Partial<UnsignedManifest>): string => {
    const read = readManifest(manifest);
    if (read.kind !== "signed") throw new Error("not signed");
    const { signature: _, ...rest } = read.manifest;
    const changed = { ...rest, ...change };
    return manifestText(changed, SIGNER.sign(signedText(changed)));
  };

  test("a line that was edited", async () => {
    const proof = await verify({ log: log.replace("é 2", "é 3") });
    expect(wordsOf(proof)).toMatch(/edited: events \d+ to \d+: the lines can be read/);
    expect(proof.damaged).toMatchObject([{ reason: "altered" }]);
    const [range] = proof.damaged;
    const sequence = lines().findIndex((one) => one.includes("é 2")) + 1;
    expect([range && range.first <= sequence, range && range.last >= sequence]).toEqual([true, true]);
    expect((range?.last ?? 0) - (range?.first ?? 0)).toBeLessThan(5);
  });

  test("a line that is missing", async () => {
    const proof = await verify({ log: joined(lines().toSpliced(4, 1)) });
    expect(proof).toMatchObject({ gaps: [{ first: 5, last: 5 }], damaged: [] });
    expect(wordsOf(proof)).toContain("missing: event 5");
  });

  test("two lines that were swapped", async () => {
    const all = lines();
    const [one = "", other = ""] = all.splice(5, 2);
    const proof = await verify({ log: joined(all.toSpliced(5, 0, other, one)) });
    expect(wordsOf(proof)).toMatch(/misplaced: .* there twice, out of order/);
    expect(proof.gaps).toEqual([]);
  });

  test("a line that cannot be read", async () => {
    const proof = await verify({ log: joined(lines().with(6, '{"sequence":7,')) });
    expect(proof.damaged).toEqual([{ first: 7, last: 7, reason: "unreadable" }]);
    expect(wordsOf(proof)).toContain("damaged: event 7, where no event can be read");
  });

  test("a file that was cut off", async () => {
    const proof = await verify({ log: joined(lines().slice(0, 8)) });
    expect(wordsOf(proof)).toContain(`missing: events 9 to ${count()}, the end of the log`);
  });

  test("a manifest that was edited, also back to a log that fits it", async () => {
    const shorter = joined(lines().slice(0, 8));
    const edited = manifest.replace(`"events": ${count()}`, `"events": 8`).replace(sha256(log), sha256(shorter));
    const proof = await verify({ log: shorter, manifest: edited });
    expect(proof).toMatchObject({ complete: false, manifest: "edited", signed_by: null });
    expect(wordsOf(proof)).toContain("the manifest was edited");
  });

  test("another key, and none", async () => {
    const other = { keyId: "0123456789abcdef", check: async () => "other_key" as const };
    expect(wordsOf(await verify({ key: other }))).toContain("signed with another key");
    const unchecked = await verify({ key: null });
    expect(unchecked).toMatchObject({ complete: true, manifest: "unchecked", signed_by: null });
    expect(wordsOf(unchecked)).toContain("the signature was not checked");
  });

  test("a manifest without its signature is no proof to whoever has the key", async () => {
    const bare = manifestText({ ...JSON.parse(manifest), signature: undefined }, null);
    expect(await verify({ manifest: bare })).toMatchObject({ complete: false, manifest: "unsigned", damaged: [] });
    expect(await verify({ manifest: bare, key: null })).toMatchObject({ complete: true, manifest: "unsigned" });
  });

  test("one that contradicts itself, cannot be read, or is not there", async () => {
    const wrongChain = signed({ bytes: 1 });
    expect(wordsOf(await verify({ manifest: wrongChain }))).toContain("contradicts itself");
    expect(wordsOf(await verify({ manifest: "{}" }))).toContain("cannot be read");
    const alone = await verify({ manifest: null, key: null });
    expect(alone).toMatchObject({ complete: true, manifest: null, sha256: sha256(log) });
    expect(wordsOf(alone)).toContain("without its manifest nothing proves");
  });

  type Segments = UnsignedManifest["segments"];
  /** Each `running` as the hashes of these segments make it. */
  const chained = (segments: Segments): Segments => {
    let running = Buffer.alloc(0);
    return segments.map((segment) => {
      running = createHash("sha256").update(running).update(segment.sha256, "hex").digest();
      return { ...segment, running: running.toString("hex") };
    });
  };
  test.each<[string, (segments: Segments) => Partial<UnsignedManifest>, "contradictory" | "valid"]>([
    ["one segment less", (segments) => ({ segments: segments.slice(0, -1) }), "contradictory"],
    ["two segments swapped", ([a, b, ...rest]) => ({ segments: chained([b!, a!, ...rest]) }), "contradictory"],
    [
      "a chain that is another's",
      (segments) => ({ segments: segments.with(1, { ...segments[1]!, running: sha256("x") }) }),
      "contradictory",
    ],
    ["a chain without one link", ([a, ...rest]) => ({ segments: [a!, ...chained(rest)] }), "contradictory"],
    [
      "a segment's hash that is not its lines'",
      (segments) => ({ segments: chained(segments.with(1, { ...segments[1]!, sha256: sha256("x") })) }),
      "valid",
    ],
    ["a hash of the whole that is not the log's", () => ({ sha256: sha256("x") }), "valid"],
  ])("[SIG3] %s, though it is signed, proves nothing", async (_what, change, state) => {
    const read = readManifest(manifest);
    if (read.kind === "unreadable") throw new Error("not read");
    expect(await verify({ manifest: signed({ segments: chained(read.manifest.segments) }) })).toMatchObject({
      complete: true,
    });
    const proof = await verify({ manifest: signed(change(read.manifest.segments)) });
    expect(proof).toMatchObject({ complete: false, manifest: state });
    if (state === "valid") expect(proof.damaged.length).toBeGreaterThan(0);
  });

  test("without a manifest: what is missing, damaged or there twice; an empty file is no log", async () => {
    const alone = (some: string[]) => verify({ log: joined(some), manifest: null, key: null });
    expect(await alone(lines().slice(1))).toMatchObject({ complete: false, gaps: [{ first: 1, last: 1 }] });
    expect(await alone(lines().with(3, "{"))).toMatchObject({ damaged: [{ first: 4, last: 4, reason: "unreadable" }] });
    const twice = await alone(lines().toSpliced(3, 0, lines()[2] ?? ""));
    expect(twice).toMatchObject({ complete: false, gaps: [], damaged: [{ reason: "misplaced" }] });
    expect(await alone([])).toMatchObject({ complete: false, events: 0 });
  });
});

test("[SIG2] a key is given as itself, or in a file; what is none is said to be none", () => {
  expect(key.keyId).toBe(SIGNER.keyId);
  expect(readKey("no/such/file")).toMatchObject({ kind: "trouble" });
  expect(readKey("package.json")).toMatchObject({ kind: "trouble" });
  // 43 characters hold two bits more than 32 bytes.
  expect(readKey(`${"A".repeat(42)}B`)).toMatchObject({ kind: "trouble" });
});
