import { bytesToHex, hexToBytes } from "../../protocol/hex.ts";
import type { Manifest, UnsignedManifest } from "../../protocol/proof/manifest.ts";
import { inOrder } from "../../protocol/proof/sequence-check.ts";
import type { Segment } from "../ports.ts";
import type { AheadLines } from "./receipts.ts";
import type { Positions, Producers } from "./sequencer.ts";

/** SHA-256 of the bytes. */
export type Sha256 = (bytes: Uint8Array) => Promise<Uint8Array>;

export async function buildManifest(
  run: {
    runId: string;
    workspaceId: string;
    status: Manifest["status"];
    events: number;
    sha256: string;
    ahead: readonly AheadLines[];
  },
  segments: readonly Segment[],
  producers: Producers,
  sha256: Sha256,
): Promise<UnsignedManifest> {
  let running: Uint8Array = new Uint8Array();
  const chained: Manifest["segments"] = [];
  for (const segment of segments) {
    if (segment.sha256 === null) throw new Error(`segment ${segment.firstSequence} is not stored yet`);
    running = await sha256(Uint8Array.from([...running, ...hexToBytes(segment.sha256)]));
    chained.push({
      first_sequence: segment.firstSequence,
      last_sequence: segment.lastSequence,
      bytes: segment.bytes,
      sha256: segment.sha256,
      running: bytesToHex(running),
      ...(segment.damage === undefined ? {} : { stored_bytes: segment.damage.bytes }),
    });
  }
  // Of a damaged segment no line is vouched for, also where it can be read: the hash was of all of them. [DMG1]
  const damaged = segments.filter(({ damage }) => damage !== undefined).map(toRange);
  return {
    schema: "runcast.manifest/v1",
    run_id: run.runId,
    workspace_id: run.workspaceId,
    status: run.status,
    events: run.events,
    bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
    sha256: run.sha256,
    segments: chained,
    ...(damaged.length === 0 ? {} : { damaged: inOrder(damaged) }),
    ahead: run.ahead.map(({ firstSequence, lastSequence, receivedAt }): [number, number, string] => [
      firstSequence,
      lastSequence,
      receivedAt,
    ]),
    // In one order, whatever order they were remembered in: a manifest that is put again is the same bytes.
    producers: Object.entries(producers)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, producer]) => ({
        producer_id: id,
        epoch: producer.epoch,
        last: producer.last,
        batches: producer.batches.map((batch): [number | null, number | null, number] => [
          batch.firstSequence,
          batch.lastSequence,
          batch.accepted,
        ]),
      })),
  };
}

const toRange = ({ firstSequence, lastSequence }: Segment) => ({ first: firstSequence, last: lastSequence });

/** The lines that are ahead of their receipt, as the run knew them. */
export const manifestAhead = ({ ahead = [] }: Manifest): AheadLines[] =>
  ahead.map(([firstSequence, lastSequence, receivedAt]) => ({ firstSequence, lastSequence, receivedAt }));

/** The producers as the sequencer knows them. */
export function manifestProducers(manifest: Manifest): Producers {
  const positionsOf = ([firstSequence, lastSequence, accepted]: [number | null, number | null, number]): Positions => ({
    firstSequence,
    lastSequence,
    accepted,
  });
  return Object.fromEntries(
    manifest.producers.map((producer) => [
      producer.producer_id,
      { epoch: producer.epoch, last: producer.last, batches: producer.batches.map(positionsOf) },
    ]),
  );
}
