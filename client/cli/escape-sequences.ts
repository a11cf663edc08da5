// CSI (colours, cursor), OSC and its kin up to BEL or ST, and the short ones; an unfinished one at the end counts too.
const ESCAPE =
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  /\u001b(?:\[[0-?]*[ -/]*(?:[@-~]|$)|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|[ -/]*(?:[0-OQ-WYZ\\`-~]|$))/g;

export const hasEscapes = (text: string): boolean => text.includes("\u001B");

/** What is left of a text for the eye. */
export const withoutEscapes = (text: string): string => (hasEscapes(text) ? text.replaceAll(ESCAPE, "") : text);

/** The text without its escape sequences, and where each of its units stood. */
export function plainWithPositions(text: string): { plain: string; positions: number[] } {
  let plain = "";
  const positions: number[] = [];
  let at = 0;
  const keep = (until: number) => {
    plain += text.slice(at, until);
    for (let index = at; index < until; index += 1) positions.push(index);
  };
  for (const { index, 0: sequence } of text.matchAll(ESCAPE)) {
    keep(index);
    at = index + sequence.length;
  }
  keep(text.length);
  return { plain, positions };
}

// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const UNFINISHED = /\u001b(?:\[[0-?]*[ -/]*|[\]PX^_][^\u0007\u001b]*)?$/;

/** The position before an escape sequence whose end has not come yet; the text's length when there is none. */
export const unfinishedEscapeAt = (text: string): number =>
  hasEscapes(text) ? (UNFINISHED.exec(text)?.index ?? text.length) : text.length;
