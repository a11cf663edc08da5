/**
 * JSON as the text it is. `JSON.parse` rounds what a double cannot hold, and Node 20 has no way to ask it for the digits: who is to show or pass on a
 * value as it came takes its text. What is taken apart here must have been parsed before; text that is no JSON gives something, and never throws.
 */

/** The members of an object, each with the text of its value. Of a name that is there twice the last counts, as it does for `JSON.parse`. */
export function membersOf(json: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipSpace(json, 0);
  if (json[at] !== "{") return members;
  for (at = skipSpace(json, at + 1); json[at] === '"'; at = afterComma(json, at)) {
    const endOfName = endOfString(json, at);
    const name = nameOf(json.slice(at, endOfName));
    const from = skipSpace(json, skipSpace(json, endOfName) + 1);
    at = endOfValue(json, from);
    members.set(name, json.slice(from, at));
  }
  return members;
}

/** The items of an array, each as its text. */
export function itemsOf(json: string): string[] {
  const items: string[] = [];
  let at = skipSpace(json, 0);
  if (json[at] !== "[") return items;
  for (at = skipSpace(json, at + 1); at < json.length && json[at] !== "]"; at = afterComma(json, at)) {
    const from = at;
    at = endOfValue(json, from);
    items.push(json.slice(from, at));
  }
  return items;
}

/** JSON without blanks, indented, with every token as it stands: digits, escapes and the order of keys. */
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

/** Just behind a value. */
function endOfValue(json: string, from: number): number {
  const first = json[from];
  if (first === '"') return endOfString(json, from);
  if (first !== "{" && first !== "[") return endOfWord(json, from);
  let depth = 0;
  for (let at = from; at < json.length; at += 1) {
    const character = json[at];
    if (character === '"') at = endOfString(json, at) - 1;
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return json.length;
}

/** Just behind a number, `true`, `false` or `null`. */
function endOfWord(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length && !",]}".includes(json[at] ?? "") && !isSpace(json[at] ?? "")) at += 1;
  return at;
}

const isSpace = (character: string): boolean =>
  character === " " || character === "\n" || character === "\r" || character === "\t";

function skipSpace(json: string, from: number): number {
  let at = from;
  while (isSpace(json[at] ?? "")) at += 1;
  return at;
}

/** Where the next member or item begins. */
function afterComma(json: string, at: number): number {
  const next = skipSpace(json, at);
  return json[next] === "," ? skipSpace(json, next + 1) : json.length;
}

function nameOf(literal: string): string {
  try {
    return String(JSON.parse(literal));
  } catch {
    // No JSON: its text is as good a name as any.
    return literal;
  }
}

/** Just behind the closing quote; the end of the text when there is none. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}
