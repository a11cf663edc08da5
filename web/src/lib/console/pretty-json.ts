/**
 * One line of JSON, indented, with every token as it stands: digits, escapes and the order of keys are those of the log. `JSON.parse` and
 * back would round what a double cannot hold.
 */
export function prettyJson(line: string): string {
  let out = "";
  let depth = 0;
  let at = 0;
  const newline = (): string => `\n${"  ".repeat(depth)}`;
  while (at < line.length) {
    const character = line[at] ?? "";
    if (character === '"') {
      const end = endOfString(line, at);
      out += line.slice(at, end);
      at = end;
      continue;
    }
    const next = line[at + 1];
    if ((character === "{" && next === "}") || (character === "[" && next === "]")) {
      out += character + next;
      at += 2;
      continue;
    }
    if (character === "{" || character === "[") {
      depth += 1;
      out += character + newline();
    } else if (character === "}" || character === "]") {
      depth = Math.max(0, depth - 1);
      out += newline() + character;
    } else if (character === ",") out += `,${newline()}`;
    else if (character === ":") out += ": ";
    else out += character;
    at += 1;
  }
  return out;
}

/** Just behind the closing quote; the end of the text when there is none. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}
