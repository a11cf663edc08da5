import { runIdSchema } from "../protocol/event.ts";

/** A UUIDv7 (RFC 9562): the time in its first 48 bits, so that ids sort as the runs were made; the rest is random. */
export function newRunId(now: number, random: Uint8Array = crypto.getRandomValues(new Uint8Array(10))): string {
  const time = now.toString(16).padStart(12, "0");
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const variant = (0x8 | (Number.parseInt(hex.slice(3, 4), 16) & 0x3)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}

/** Whether an object may be asked for it. Any other text would bring an object into being that no run ever has. */
export const isRunId = (text: string): boolean => runIdSchema.safeParse(text).success;
