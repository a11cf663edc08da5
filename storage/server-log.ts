/** One line of JSON in the server's log, for whoever runs the server; never for whoever asks it. */
export function logError(message: string, fields: Record<string, string | number | null>): void {
  // oxlint-disable-next-line no-console -- the platform's log is the console; this is the one place that writes to it.
  console.error(JSON.stringify({ message, ...fields }));
}

/** An error as a field of the log, with its causes: a query builder wraps what the database said. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}\ncaused by ${errorText(error.cause)}`;
}
