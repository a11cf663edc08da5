import { bytesToHex } from "../../protocol/hex.ts";
import type { Segment, SegmentDamage } from "../ports.ts";
import type { Sha256 } from "./manifest.ts";
import { salvage, type Salvage } from "./salvage.ts";

/** A segment as it was found, and what of it the whole log can have. */
export type Judged = Pick<Salvage, "lost"> & { bytes: Uint8Array; damage: SegmentDamage | null };

/** Held against the hash it was stored with; of a damaged one what is left. [DMG1] */
export async function judgeSegment(segment: Segment, stored: Uint8Array | null, hash: Sha256): Promise<Judged> {
  const hex = async (bytes: Uint8Array): Promise<string> => bytesToHex(await hash(bytes));
  if (stored !== null && (await hex(stored)) === segment.sha256) return { bytes: stored, damage: null, lost: [] };
  const { bytes, lost } = salvage(segment, stored);
  const sha256 = await hex(bytes);
  // Something was added that is no line of it: without that it is whole.
  return { bytes, lost, damage: sha256 === segment.sha256 ? null : { bytes: bytes.length, sha256 } };
}
