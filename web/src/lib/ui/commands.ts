/** One thing that can be done from the palette (⌘K). */
export type Command = {
  id: string;
  title: string;
  /** What it belongs to: commands of one group stand together. */
  group: string;
  /** Beside the title: what it concerns, or a moment. */
  detail?: string;
  /** The keys that do the same without the palette. */
  keys?: string;
  /** Other words one may look for it by. */
  words?: string;
  run: () => void | Promise<void>;
};

/** Commands in which each word of the query begins a word, or stands inside one; the best first, and groups kept together. */
export function findCommands(commands: readonly Command[], query: string): Command[] {
  const asked = wordsOf(query);
  const found = commands
    .map((command) => ({ command, score: scoreOf(command, asked) }))
    .filter((one): one is { command: Command; score: number } => one.score !== null);
  const bestOf = new Map<string, number>();
  for (const { command, score } of found) {
    const best = bestOf.get(command.group);
    if (best === undefined || score > best) bestOf.set(command.group, score);
  }
  return found
    .toSorted(
      (a, b) =>
        (bestOf.get(b.command.group) ?? 0) - (bestOf.get(a.command.group) ?? 0) ||
        groupOrder(found, a.command.group) - groupOrder(found, b.command.group) ||
        b.score - a.score,
    )
    .map(({ command }) => command);
}

const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[\s“”]+/)
    .filter((word) => word !== "");

const groupOrder = (found: readonly { command: Command }[], group: string): number =>
  found.findIndex(({ command }) => command.group === group);

/** A word at its beginning counts more than one inside; the title more than the words beside it. Null: one of them is nowhere. */
function scoreOf(command: Command, asked: readonly string[]): number | null {
  const title = wordsOf(command.title);
  const beside = wordsOf(`${command.group} ${command.words ?? ""}`);
  let score = 0;
  for (const word of asked) {
    if (title[0]?.startsWith(word) === true) score += 4;
    else if (title.some((one) => one.startsWith(word))) score += 3;
    else if (beside.some((one) => one.startsWith(word))) score += 2;
    else if (title.some((one) => one.includes(word))) score += 1;
    else return null;
  }
  return score;
}

/** `120`, `L120`, `#L1,204`, `line 120`: the line that is asked for; null for anything else. */
export function askedLine(query: string): number | null {
  const digits = /^(?:line\s*|#?l\s*)?(\d[\d,. \u202f]*)$/i.exec(query.trim())?.[1]?.replace(/\D/g, "");
  const line = digits === undefined ? Number.NaN : Number(digits);
  return Number.isSafeInteger(line) && line > 0 ? line : null;
}
