export type ByteRange = { offset: number; length: number };

/**
 * The one byte range that a `Range` header asks of `size` bytes (RFC 9110 §14). "whole" when it asks for none, for several, or cannot be read:
 * such a header is ignored. "outside" when nothing of the range is there.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange | "whole" | "outside" {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? "") ?? [];
  if (from === "" && to === "") return "whole";
  if (from === "") {
    const length = Math.min(Number(to), size);
    return length === 0 ? "outside" : { offset: size - length, length };
  }
  const offset = Number(from);
  if (to !== "" && Number(to) < offset) return "whole";
  if (offset >= size) return "outside";
  const end = to === "" ? size : Math.min(Number(to) + 1, size);
  return { offset, length: end - offset };
}
