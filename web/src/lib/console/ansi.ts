/**
 * Terminal output → runs of text with a style. Text is data: whatever a program prints becomes text nodes and class names from a
 * closed set, never markup (R96). Colours and weights (SGR) are kept, and links (OSC 8) to the web; every other escape sequence is dropped.
 */

/** One of the theme's 16, or a fixed colour; null is the console's own. */
export type AnsiColour = { kind: "palette"; index: number } | { kind: "rgb"; red: number; green: number; blue: number };

export type AnsiStyle = {
  fg: AnsiColour | null;
  bg: AnsiColour | null;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
  /** An address of the web, and no other: nothing that a click would carry out. */
  href: string | null;
};
export type AnsiSpan = { text: string; style: AnsiStyle };

export const PLAIN: AnsiStyle = {
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
  href: null,
};

/** CSI … final byte, OSC/DCS/SOS/PM/APC … ST or BEL, and the two-byte escapes. An unfinished sequence at the end goes too. */
const ESCAPE =
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  /(?:\u001b\[|\u009b)([0-?]*)([ -/]*)([@-~]|$)|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)|\u001b[ -/]*(?:[0-~]|$)/g;
// oxlint-disable-next-line no-control-regex -- as above
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
// oxlint-disable-next-line no-control-regex -- as above
const NEEDS_WORK = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/**
 * The spans of one console line, in order; their texts joined are what the line shows. Styles do not carry over from the line before:
 * any line can be drawn alone. Where a carriage return goes back over the line, what was printed last is what one sees.
 */
export function parseAnsi(message: string): AnsiSpan[] {
  if (!NEEDS_WORK.test(message)) return message === "" ? [] : [{ text: message, style: PLAIN }];

  const spans: AnsiSpan[] = [];
  let style = PLAIN;
  let at = 0;
  let returned = false;
  const push = (raw: string): void => {
    for (const [i, piece] of raw.split("\r").entries()) {
      if (i > 0) returned = true;
      if (piece === "") continue;
      if (returned) spans.length = 0;
      returned = false;
      const text = piece.replace(CONTROL, showControl);
      const last = spans.at(-1);
      if (last !== undefined && last.style === style) last.text += text;
      else spans.push({ text, style });
    }
  };

  for (const escape of message.matchAll(ESCAPE)) {
    push(message.slice(at, escape.index));
    at = escape.index + escape[0].length;
    if (escape[3] === "m" && escape[2] === "") style = applySgr(style, escape[1] ?? "");
    else if (escape[0].startsWith(LINK)) style = applyLink(style, escape[0]);
  }
  push(message.slice(at));
  return spans;
}

/** The text a line shows, without styles. */
export const stripAnsi = (message: string): string => parseAnsi(message).reduce((text, span) => text + span.text, "");

/** A stray control character is shown as its picture (␀, ␇), so that it is neither lost nor obeyed. */
function showControl(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 0x7f) return "\u2421";
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
}

const LINK = "\u001b]8;";
/** Longer than any address that is meant. */
const HREF_CHARACTERS = 2_083;

/** `ESC ] 8 ; parameters ; address ST`: what follows is a link, until one without an address. */
function applyLink(from: AnsiStyle, escape: string): AnsiStyle {
  const rest = escape.slice(LINK.length);
  const address = rest.slice(rest.indexOf(";") + 1).replace(LINK_END, "");
  const style = { ...from, href: webAddress(address) };
  return isPlain(style) ? PLAIN : style;
}
// oxlint-disable-next-line no-control-regex -- as above
const LINK_END = /(?:\u0007|\u001b\\|\u009c)$/;

function webAddress(text: string): string | null {
  if (text.length > HREF_CHARACTERS || !URL.canParse(text)) return null;
  const { protocol, href } = new URL(text);
  return protocol === "http:" || protocol === "https:" ? href : null;
}

function applySgr(from: AnsiStyle, parameters: string): AnsiStyle {
  // `38:2::r:g:b` and `4:3` use colons inside one parameter; an empty parameter is 0.
  const codes = parameters
    .split(";")
    .map((part) => part.split(":").map((number) => (number === "" ? 0 : Number.parseInt(number, 10))));
  const style = { ...from };
  for (let i = 0; i < codes.length; i += 1) {
    const group = codes[i] ?? [0];
    const code = group[0] ?? 0;
    if (code === 38 || code === 48) {
      const extended =
        group.length > 1 ? colonColour(group) : semicolonColour(codes.slice(i + 1).map((part) => part[0] ?? 0));
      if (extended.colour !== null) style[code === 38 ? "fg" : "bg"] = extended.colour;
      i += extended.used;
    } else applyCode(style, code, group[1]);
  }
  return isPlain(style) ? PLAIN : style;
}

function applyCode(style: AnsiStyle, code: number, detail: number | undefined): void {
  if (code === 0) Object.assign(style, PLAIN, { href: style.href });
  else if (code === 1) style.bold = true;
  else if (code === 2) style.dim = true;
  else if (code === 3) style.italic = true;
  else if (code === 4) style.underline = detail !== 0;
  else if (code === 7) style.inverse = true;
  else if (code === 9) style.strike = true;
  else if (code === 21) style.underline = true;
  else if (code === 22) style.bold = style.dim = false;
  else if (code === 23) style.italic = false;
  else if (code === 24) style.underline = false;
  else if (code === 27) style.inverse = false;
  else if (code === 29) style.strike = false;
  else if (code === 39) style.fg = null;
  else if (code === 49) style.bg = null;
  else if (code >= 30 && code <= 37) style.fg = { kind: "palette", index: code - 30 };
  else if (code >= 40 && code <= 47) style.bg = { kind: "palette", index: code - 40 };
  else if (code >= 90 && code <= 97) style.fg = { kind: "palette", index: code - 82 };
  else if (code >= 100 && code <= 107) style.bg = { kind: "palette", index: code - 92 };
}

type Extended = { colour: AnsiColour | null; used: number };

/** `38;5;n` and `38;2;r;g;b`: the numbers that follow belong to the colour. */
function semicolonColour(rest: number[]): Extended {
  const [mode, a, b, c] = rest;
  if (mode === 5) return { colour: indexedColour(a), used: 2 };
  if (mode === 2) return { colour: rgbColour(a, b, c), used: 4 };
  return { colour: null, used: 0 };
}

/** `38:5:n`, `38:2:r:g:b` and `38:2:colour-space:r:g:b`. */
function colonColour(group: number[]): Extended {
  if (group[1] === 5) return { colour: indexedColour(group[2]), used: 0 };
  if (group[1] === 2 && group.length >= 5)
    return { colour: rgbColour(group.at(-3), group.at(-2), group.at(-1)), used: 0 };
  return { colour: null, used: 0 };
}

const isByte = (n: number | undefined): n is number => n !== undefined && Number.isInteger(n) && n >= 0 && n <= 255;

function rgbColour(red: number | undefined, green: number | undefined, blue: number | undefined): AnsiColour | null {
  return isByte(red) && isByte(green) && isByte(blue) ? { kind: "rgb", red, green, blue } : null;
}

/** xterm's 256: the 16 of the theme, a cube of 6×6×6, and 24 greys. */
function indexedColour(index: number | undefined): AnsiColour | null {
  if (!isByte(index)) return null;
  if (index < 16) return { kind: "palette", index };
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return { kind: "rgb", red: grey, green: grey, blue: grey };
  }
  const step = (n: number): number => (n === 0 ? 0 : 55 + n * 40);
  const cube = index - 16;
  return { kind: "rgb", red: step(Math.floor(cube / 36)), green: step(Math.floor(cube / 6) % 6), blue: step(cube % 6) };
}

const isPlain = (style: AnsiStyle): boolean =>
  style.fg === null &&
  style.bg === null &&
  style.href === null &&
  !(style.bold || style.dim || style.italic || style.underline || style.strike || style.inverse);
