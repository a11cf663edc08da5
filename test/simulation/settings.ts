import fc from "fast-check";

/** How long a property is searched: a little in every run, ten times as much when asked for. A failure names its seed. */
export const runs = (quick: number): { numRuns: number; seed?: number } => ({
  numRuns: process.env["RUNCAST_LONG"] === "1" ? quick * 10 : quick,
  // The same search every time in the quick run, so that it fails for a change and not by chance.
  ...(process.env["RUNCAST_LONG"] === "1" ? {} : { seed: 20_261_121 }),
});

/** A long search is no hang. */
export const LONG_MS = 600_000;

/** A search over a server stops at its first failure, told with its seed and path, and with no more of its values than can be read. */
export const untilFailure = {
  endOnFailure: true,
  asyncReporter: async <Values>(details: fc.RunDetails<Values>): Promise<void> => {
    if (!details.failed) return;
    const message = (await fc.asyncDefaultReportMessage(details)) ?? "";
    throw new Error(message.slice(0, 3_000), { cause: details.errorInstance });
  },
};
