import * as z from "zod";
import { damagedSchema } from "./frames.ts";

/** What `GET …/search` answers, a line each: what it has found, how far it has come, and at last how it ended. */
const sequence = z.int().min(0);
const hits = z.int().min(0).describe("Lines found so far");
const scannedTo = sequence.describe("Every line that ends at this sequence or before is searched");

export const searchHitSchema = z.object({
  sequence: z.int().min(1).describe("Of the line; of one that is written in parts, of the first"),
  ranges: z
    .array(z.tuple([z.int().min(0), z.int().min(0)]))
    .describe("From a UTF-16 unit of the line's text to before another; empty where nothing but emptiness matches"),
  more: z.literal(true).optional().describe("There may be more ranges than are told"),
});
export type SearchHit = z.infer<typeof searchHitSchema>;
export const searchProgressSchema = z.object({ op: z.literal("progress"), scanned_to: scannedTo, hits });
export const searchEndSchema = z.object({
  op: z.literal("end"),
  scanned_to: scannedTo,
  hits,
  complete: z.boolean().describe("False: a limit was reached; go on with `after_sequence` as `scanned_to` says"),
});
export const searchLineSchema = z.union([searchHitSchema, searchProgressSchema, damagedSchema, searchEndSchema]);
export type SearchLine = z.infer<typeof searchLineSchema>;
