import { parseLine } from "../../protocol/ndjson.ts";

/** How the log looks in an answer: a line of it, and what of it is damaged and left out. */
export type LineForm = {
  line(sequence: number, line: string): string;
  damage(first: number, last: number): string;
};

/** The stored bytes: damage is in them. */
export const ndjsonForm: LineForm = { line: (_sequence, line) => `${line}\n`, damage: () => "" };

export const sseForm: LineForm = {
  line: (sequence, line) => `id: ${sequence}\ndata: ${line}\n\n`,
  damage: (first, last) => `: damaged ${rangeText(first, last)}\n\n`,
};

export const rangeText = (first: number, last: number): string => (first === last ? `${first}` : `${first}-${last}`);

// The escape sequences a terminal swallows: CSI (colours, cursor), OSC (titles, links; ended by BEL or ST), and single-character ones.
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for.
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
export const stripAnsi = (text: string): string => text.replaceAll(ANSI, "");

/** Console messages, one a line; a partial one goes on with the next. */
export function textForm(options: { stripAnsi: boolean; timestamps: boolean }): LineForm {
  let isJoining = false;
  return {
    line(_sequence, line) {
      const event = parseLine(line);
      if (event?.type !== "console.line") return "";
      const { message: said } = event.payload;
      const raw = typeof said === "string" ? said : "";
      const message = options.stripAnsi ? stripAnsi(raw) : raw;
      const start = options.timestamps && !isJoining ? `${event.created_at} ` : "";
      isJoining = event.payload["partial"] === true;
      return `${start}${message}${isJoining ? "" : "\n"}`;
    },
    damage(first, last) {
      const start = isJoining ? "\n" : "";
      isJoining = false;
      const what = first === last ? `event ${first} is` : `events ${first}-${last} are`;
      return `${start}[runcast: ${what} damaged and left out]\n`;
    },
  };
}
