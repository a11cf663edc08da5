import { parseLine } from "../../protocol/ndjson.ts";

/** How one line of the log looks in each answer. A line that does not parse is damage: told, never passed on as an event. */
export type LineForm = (sequence: number, line: string) => { text: string; isDamaged: boolean };

export const ndjsonForm: LineForm = (_sequence, line) => ({ text: `${line}\n`, isDamaged: false });

export const sseForm: LineForm = (sequence, line) =>
  parseLine(line) === null
    ? { text: `: damaged ${sequence}\n\n`, isDamaged: true }
    : { text: `id: ${sequence}\ndata: ${line}\n\n`, isDamaged: false };

// The escape sequences a terminal swallows: CSI (colours, cursor), OSC (titles, links; ended by BEL or ST), and single-character ones.
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for.
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
export const stripAnsi = (text: string): string => text.replaceAll(ANSI, "");

/** Console messages, one a line; a partial one goes on with the next. */
export function textForm(options: { stripAnsi: boolean; timestamps: boolean }): LineForm {
  let isJoining = false;
  return (_sequence, line) => {
    const event = parseLine(line);
    if (event === null) return { text: "", isDamaged: true };
    if (event.type !== "console.line") return { text: "", isDamaged: false };
    const { message: said } = event.payload;
    const raw = typeof said === "string" ? said : "";
    const message = options.stripAnsi ? stripAnsi(raw) : raw;
    const start = options.timestamps && !isJoining ? `${event.created_at} ` : "";
    isJoining = event.payload["partial"] === true;
    return { text: `${start}${message}${isJoining ? "" : "\n"}`, isDamaged: false };
  };
}
