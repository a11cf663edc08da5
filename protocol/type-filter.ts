/**
 * `types=step.*,run.completed`: which events a reader wants. A pattern is a whole type, or a prefix of whole words followed by `.*`.
 */
const PATTERN = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?$/;
const MOST_PATTERNS = 50;

/** The patterns of a comma list, or null when one cannot be read. */
export function parseTypes(list: string): string[] | null {
  const patterns = list.split(",").map((pattern) => pattern.trim());
  return patterns.length <= MOST_PATTERNS && patterns.every((pattern) => PATTERN.test(pattern)) ? patterns : null;
}

export function matchesTypes(patterns: readonly string[], type: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith(".*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern,
  );
}

const LINE_TYPE = /^\{"sequence":\d+,"type":"([^"]*)"/;

/** The type of a stored line, read from its start alone; "" when the line is damaged. */
export const lineType = (line: string): string => LINE_TYPE.exec(line)?.[1] ?? "";
