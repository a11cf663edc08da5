import { readdirSync, statSync } from "node:fs";
import { basename, join, relative } from "node:path";

/** So many files for one pattern are more likely a mistake than artifacts. */
const MAX_FILES = 1_000;
const NAME_CHARS = 200;

export type FoundFile = { path: string; name: string };
export type FoundFiles = { files: FoundFile[]; troubles: string[] };

/** The files that the patterns name: a path, a folder with all that is in it, or `*`, `**`, `?` and `{a,b}`. */
export function findFiles(patterns: readonly string[]): FoundFiles {
  const paths = new Set<string>();
  const troubles: string[] = [];
  for (const pattern of patterns) {
    const found = matchesOf(pattern);
    if (found.length === 0) troubles.push(`there is no file ${pattern}`);
    if (found.length > MAX_FILES)
      troubles.push(`${pattern} are ${found.length} files; the first ${MAX_FILES} are uploaded`);
    for (const path of found.slice(0, MAX_FILES)) paths.add(path);
  }
  return { files: nameFiles([...paths]), troubles };
}

function matchesOf(pattern: string): string[] {
  const stats = statSync(pattern, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) return filesIn(pattern, () => true);
  if (stats !== undefined) return [join(pattern)];
  const special = /[*?{]/.exec(pattern);
  if (special === null) return [];
  const base = pattern.slice(0, pattern.lastIndexOf("/", special.index) + 1) || ".";
  if (statSync(base, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  const matcher = patternToRegExp(join(pattern));
  return filesIn(base, (path) => matcher.test(path));
}

/** Sorted, so that the same folder gives the same order. Links to folders are not followed: they may lead back. */
function filesIn(folder: string, isWanted: (path: string) => boolean): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesIn(path, isWanted);
      return isWanted(path) && statSync(path, { throwIfNoEntry: false })?.isFile() === true ? [path] : [];
    });
}

function patternToRegExp(pattern: string): RegExp {
  const source = pattern.replaceAll(/\*\*\/|\*\*|\*|\?|\{([^{}]*)\}|[\\^$.+()[\]{}|]/g, (part, choices?: string) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (choices !== undefined) return `(?:${choices.split(",").map(escapeRegExp).join("|")})`;
    return `\\${part}`;
  });
  return new RegExp(`^${source}$`, "s");
}

const escapeRegExp = (text: string) =>
  text
    .replaceAll(/[\\^$.+()[\]{}|]/g, "\\$&")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");

/** A file is called by its own name; those that share one, by their path. */
function nameFiles(paths: readonly string[]): FoundFile[] {
  const counts = new Map<string, number>();
  for (const path of paths) counts.set(basename(path), (counts.get(basename(path)) ?? 0) + 1);
  return paths.map((path) => {
    const isShared = (counts.get(basename(path)) ?? 0) > 1;
    const name = isShared
      ? relative(".", path)
          .replaceAll(/(?:\.\.\/)+/g, "")
          .replaceAll("/", "-")
      : basename(path);
    // The end of a name tells more than its beginning: it has the ending.
    return {
      path,
      name: name
        .replaceAll(/\p{Cc}/gu, "_")
        .slice(-NAME_CHARS)
        .toWellFormed(),
    };
  });
}
