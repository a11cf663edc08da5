import { consoleText } from "../../core/reading/console-text.ts";

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

/** Console messages, one a line; a partial one goes on with the next. */
export function textForm(options: { stripAnsi: boolean; timestamps: boolean }): LineForm {
  let isJoining = false;
  return {
    line(_sequence, line) {
      const said = consoleText(line, options);
      if (said === null) return "";
      const start = options.timestamps && !isJoining ? `${said.createdAt} ` : "";
      isJoining = said.isPartial;
      return `${start}${said.text}${isJoining ? "" : "\n"}`;
    },
    damage(first, last) {
      const start = isJoining ? "\n" : "";
      isJoining = false;
      const what = first === last ? `event ${first} is` : `events ${first}-${last} are`;
      return `${start}[runcast: ${what} damaged and left out]\n`;
    },
  };
}
