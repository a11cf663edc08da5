import type { StoredRun } from "../../core/ports.ts";
import type { RunStatus } from "../../protocol/event.ts";
import { nameOf, statusInWords } from "./describe-run.ts";
import { escapeMarkup } from "./escape.ts";

/** White on each is readable (AA), on a light page and on a dark one. */
const COLOUR: Record<RunStatus, string> = {
  queued: "#646b77",
  building: "#0b62bb",
  running: "#0b62bb",
  succeeded: "#00742f",
  failed: "#c4262d",
  cancelled: "#8a5600",
};
const SILENT_COLOUR = COLOUR.cancelled;
const LABEL_COLOUR = "#3a4150";

/** The pages' signs, in their 14×14 box: the colour never stands alone. */
const GLYPH: Record<RunStatus, string> = {
  queued: '<circle cx="7" cy="7" r="5" stroke-dasharray="2.2 1.7"/>',
  building: '<circle cx="7" cy="7" r="5"/><path d="M7 2a5 5 0 0 1 0 10z" fill="#fff" stroke="none"/>',
  running: '<circle cx="7" cy="7" r="5"/><circle cx="7" cy="7" r="2.5" fill="#fff" stroke="none"/>',
  succeeded: '<path d="m3 7.4 2.7 2.7 5.3-6"/>',
  failed: '<path d="m3.6 3.6 6.8 6.8m0-6.8-6.8 6.8"/>',
  cancelled: '<circle cx="7" cy="7" r="5.25"/><path d="m3.6 10.4 6.8-6.8"/>',
};

const HEIGHT = 20;
const PADDING = 7;
const GLYPH_WIDTH = 14;
/** A longer name is cut: a badge stands in a line of text. */
const LABEL_CHARS = 40;

/**
 * The run's badge: its name, its status as word, colour and sign. An SVG that loads, runs and styles nothing, so that it may stand in any page; whatever
 * the name holds is text in it.
 */
export function drawBadge(run: StoredRun): string {
  const name = nameOf(run);
  const characters = Array.from(name);
  const label = characters.length > LABEL_CHARS ? `${characters.slice(0, LABEL_CHARS - 1).join("")}…` : name;
  const status = statusInWords(run);
  const labelWidth = widthOf(label);
  const statusWidth = widthOf(status);
  const split = labelWidth + 2 * PADDING;
  const width = split + PADDING + GLYPH_WIDTH + 4 + statusWidth + PADDING;
  const title = escapeMarkup(`${name}: ${status}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${HEIGHT}" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${title}">
<title>${title}</title>
<rect width="${width}" height="${HEIGHT}" rx="4" fill="${run.stale ? SILENT_COLOUR : COLOUR[run.status]}"/>
<path d="M4 0H${split}V${HEIGHT}H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z" fill="${LABEL_COLOUR}"/>
<g transform="translate(${split + PADDING} 3)" fill="none" stroke="#fff" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">${GLYPH[run.status]}</g>
<g fill="#fff" font-family="Inter,Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">${text(label, PADDING, labelWidth)}${text(status, split + PADDING + GLYPH_WIDTH + 4, statusWidth)}</g>
</svg>
`;
}

/** Fitted to the width that was reckoned with, because nobody knows which font will be there. */
const text = (content: string, x: number, width: number): string =>
  `<text x="${x}" y="14" textLength="${width}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">${escapeMarkup(content)}</text>`;

/** Of 11 px text in a common sans-serif; near enough, as the text is fitted to it. */
function widthOf(content: string): number {
  let width = 0;
  for (const character of content) {
    if (character > "\u2e7f") width += 11;
    else if (/[ijltfrI.,:;'|!()[\]{} ]/.test(character)) width += 4;
    else if (/[mwMW@%…]/.test(character)) width += 10;
    else width += /[A-Z0-9]/.test(character) ? 7.2 : 6.4;
  }
  return Math.max(4, Math.ceil(width));
}
