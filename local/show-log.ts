/** How the server's log is shown: `problems` is the newcomer's, who is told what goes wrong and nothing else. */
export const LOG_FORMS = ["problems", "pretty", "json", "off"] as const;
export type LogForm = (typeof LOG_FORMS)[number];

export function readLogForm(text: string): LogForm {
  const form = LOG_FORMS.find((known) => known === (text || "problems"));
  if (form === undefined)
    throw new Error(`RUNCAST_LOG must be one of ${LOG_FORMS.join(", ")}, not ${JSON.stringify(text)}.`);
  return form;
}

/** What workerd hands over: a line of ours, or something of its own. */
export type LoggedText = { timestamp: number; level: string; message: string };

/** The line to show, without its end; null: none. */
export function showLog(form: LogForm, { timestamp, level, message }: LoggedText): string | null {
  if (form === "off") return null;
  const own = readOwnLine(message);
  if (form === "json") {
    return own === null
      ? JSON.stringify({ at: new Date(timestamp).toISOString(), level, event: "runtime", message })
      : message;
  }
  const { at = new Date(timestamp).toISOString(), event = "runtime", level: _level, ...fields } = own ?? { message };
  const shown =
    event === "request" ? requestLine(fields) : [text(event), ...Object.entries(fields).map(field)].join(" ");
  return printable(`${text(at).slice(11, 19)} ${shown}`);
}

function readOwnLine(message: string): Record<string, unknown> | null {
  if (!message.startsWith('{"at":')) return null;
  try {
    const line: unknown = JSON.parse(message);
    return typeof line === "object" && line !== null ? { ...line } : null;
  } catch {
    // Cut short, or another's that begins like ours: shown as it is.
    return null;
  }
}

function requestLine({
  method,
  route,
  status,
  duration_ms: ms,
  request_id: _id,
  ...more
}: Record<string, unknown>): string {
  const known = Object.entries(more).filter(([, value]) => value !== null);
  return [text(method), text(route ?? "page"), text(status), `${text(ms)}ms`, ...known.map(field)].join(" ");
}

const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

const field = ([name, value]: [string, unknown]): string =>
  `${name}=${typeof value === "string" && /^[\w./:-]*$/.test(value) ? value : JSON.stringify(value)}`;

/** A terminal obeys what it is given: of control characters only the name is shown. */
const printable = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
