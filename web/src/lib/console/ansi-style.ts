import type { AnsiColour, AnsiStyle } from "./ansi.ts";

/** How a span is drawn: CSS values for `color` and `background-color`, and class names from a closed set. */
export type SpanLook = { colour: string | null; background: string | null; classes: string };

/**
 * Programs choose colours for a terminal they do not know. The 16 come from the theme, tuned for the console's background; a fixed colour
 * keeps its hue and is made light or dark enough to be read; a background is a tint, so that any text on it stays readable.
 */
export function lookOf(style: AnsiStyle): SpanLook {
  const classes = [
    style.bold && "bold",
    style.dim && "dim",
    style.italic && "italic",
    style.underline && "underline",
    style.strike && "strike",
  ].filter((name) => name !== false);
  const { fg, bg, inverse } = style;
  const look = { classes: classes.join(" ") };
  if (!inverse) return { ...look, colour: fg && readable(fg), background: bg && tint(bg) };
  if (bg === null)
    return { ...look, colour: "var(--console-bg)", background: fg === null ? "var(--console-text)" : readable(fg) };
  return { ...look, colour: readable(bg), background: fg === null ? "var(--line-soft)" : tint(fg) };
}

const DARK_ENOUGH = 0.45;
const LIGHT_ENOUGH = 0.72;

function readable(colour: AnsiColour): string {
  if (colour.kind === "palette") return `var(--ansi-${colour.index})`;
  const rgb = rgbOf(colour);
  return `light-dark(oklch(from ${rgb} min(l, ${DARK_ENOUGH}) c h), oklch(from ${rgb} max(l, ${LIGHT_ENOUGH}) c h))`;
}

function tint(colour: AnsiColour): string {
  const full = colour.kind === "palette" ? `var(--ansi-${colour.index})` : rgbOf(colour);
  return `color-mix(in oklab, ${full} 24%, var(--console-bg))`;
}

const rgbOf = ({ red, green, blue }: Extract<AnsiColour, { kind: "rgb" }>): string => `rgb(${red} ${green} ${blue})`;
