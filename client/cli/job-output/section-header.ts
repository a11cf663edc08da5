import { withoutEscapes } from "../escape-sequences.ts";

const HEADER = /^(?:---|\+\+\+|~~~) +(\S.*)$/;
/** What begins like a section and is none: a patch's file names, and the verdicts of `go test`. */
const LOOKALIKE =
  /^(?:--- (?:a\/|\/dev\/null)|\+\+\+ (?:b\/|\/dev\/null)|(?:---|\+\+\+) [^\t]*\t|--- (?:PASS|FAIL|SKIP|BENCH):)/;

/** The name in Buildkite's `--- name`, `+++ name` and `~~~ name`; null for any other line. */
export function sectionName(line: string): string | null {
  if (LOOKALIKE.test(line)) return null;
  const name = HEADER.exec(line)?.[1];
  return name === undefined ? null : withoutEscapes(name).trim() || null;
}

/** Could the beginning of a line, as far as it has come, still become a header? */
export const mayBecomeHeader = (start: string): boolean =>
  /^(?:-{1,3}|\+{1,3}|~{1,3})$|^(?:---|\+\+\+|~~~) /.test(start);
