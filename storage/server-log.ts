export type LogFields = Record<string, unknown>;

/** What an operator wants to see and a terminal does not: a line a request. Written only where the variable LOG is `all`. */
export function logInfo(env: { LOG: string }, event: string, fields: LogFields): void {
  if (env.LOG === "all") write("info", event, fields);
}

/** Something is not as it should be, and Runcast goes on. */
export const logWarning = (event: string, fields: LogFields): void => write("warning", event, fields);

/** A line, row or value that does not decode was left out; what is around it is unharmed. */
export const logSkipped = (what: string, fields: LogFields): void => write("warning", "skipped", { what, ...fields });

/** Something failed, for whoever runs the server; never for whoever asks it. */
export const logError = (message: string, fields: LogFields): void => write("error", "error", { message, ...fields });

/** One line of JSON in the server's log; docs/observability.md says what is in it. Tokens, cookies and query strings never are. */
function write(level: "info" | "warning" | "error", event: string, fields: LogFields): void {
  const line = JSON.stringify({ at: new Date().toISOString(), level, event, ...fields }).replaceAll(
    UNPRINTABLE,
    escape,
  );
  // oxlint-disable-next-line no-console -- the platform's log is the console; this is the one place that writes to it.
  (level === "info" ? console.log : level === "warning" ? console.warn : console.error)(line);
}

/** What JSON leaves as it is and a terminal may obey, or a reader of lines may take for the end of one. */
const UNPRINTABLE = /[\u007F-\u009F\u2028\u2029]/g;
const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** An error as a field of the log, with its causes: a query builder wraps what the database said. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}\ncaused by ${errorText(error.cause)}`;
}
