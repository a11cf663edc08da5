import { z } from "zod";
import { runSchema } from "../protocol/api.ts";
import { isRecord } from "../protocol/ndjson.ts";

/** The text of one JSON object, judged and kept as it is: its numbers keep their digits. */
export const objectText = z.string().refine(isObjectText, "must be the text of a JSON object");

/** A run as it was stored. */
export const storedRunSchema = runSchema.omit({ watch_url: true }).extend({ parameters: objectText });

function isObjectText(text: string): boolean {
  try {
    return isRecord(JSON.parse(text));
  } catch {
    // Not an exception: the column is damaged, and its reader says so.
    return false;
  }
}
