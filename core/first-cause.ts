/** What really went wrong. A query builder wraps what the database said into its whole query, with everything that was to be stored. */
export function firstCause(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? firstCause(error.cause) : error;
}
