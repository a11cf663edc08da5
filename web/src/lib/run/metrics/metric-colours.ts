import { MOST_LINES } from "./metric-charts.ts";
import type { PlotColours } from "./metric-plot.ts";

/** The theme's colours as a canvas takes them, where `element` is. */
export function coloursAt(element: HTMLElement): PlotColours {
  const probe = document.createElement("span");
  element.append(probe);
  // What a custom property holds is text; a colour that is in force is a colour.
  const colour = (token: string): string => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    lines: Array.from({ length: MOST_LINES }, (_, line) => colour(`--series-${line + 1}`)),
    text: colour("--text-faint"),
    grid: colour("--line-soft"),
  };
  probe.remove();
  return colours;
}
