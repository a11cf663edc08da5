import { stripAnsi } from "../console/ansi.ts";

/** Marks, joiners, direction controls and spaces: a name of nothing else is a link that nobody can see. */
const UNSEEN = /^[\s\p{C}\p{M}\p{Default_Ignorable_Code_Point}]*$/u;

/** What a producer called something, as text to be shown: escape sequences dropped, control characters as their pictures, never empty. */
export function shownName(name: string): string {
  const text = stripAnsi(name).replaceAll(/\s+/g, " ").trim();
  return UNSEEN.test(text) ? "(no name)" : text;
}
