/** A point in the text of the log: in a row, so many characters after its beginning. */
export type TextPoint = { sequence: number; offset: number };

/** The text of rows between two points in them, as one selects it: the first row from its point on, the last one up to its own. */
export function textBetween(texts: readonly string[], from: number, to: number): string {
  const last = texts.length - 1;
  return texts.map((text, at) => text.slice(at === 0 ? from : 0, at === last ? to : undefined)).join("\n");
}

/** For a chat or an issue: what it is, with the way to it, and the lines as they are. */
export function asMarkdown(options: { title: string; href: string; lines: string }): string {
  const { title, href, lines } = options;
  // A fence is longer than any in the text, or the text would end it.
  const longest = Math.max(2, ...Array.from(lines.matchAll(/`+/g), ([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `[${title.replaceAll(/[\\[\]]/g, String.raw`\$&`)}](${href})\n\n${fence}text\n${lines}\n${fence}\n`;
}
