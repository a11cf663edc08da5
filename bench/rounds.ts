import type { Bench, Measured } from "./figure.ts";
import type { Usage } from "./load/usage.ts";

/** What each contender did in each round, and why one of them did no more. */
export type Turns<Result> = { results: Record<string, Result[]>; failures: Record<string, string> };

/**
 * Every contender in turn, as often as there are rounds, each first in turn: so whatever else happens on the machine happens to all. Round 0 warms the code and counts
 * for nothing; `isWarm` says that there is nothing to warm. Who fails is abandoned, left out from then on, and the table says so.
 */
export async function byTurns<Contender extends { name: string }, Result>(
  { rounds, isSmoke, wants }: Bench,
  all: readonly Contender[],
  measure: (contender: Contender, round: number) => Promise<Result>,
  { isWarm = false, abandon }: { isWarm?: boolean; abandon?: (contender: Contender) => Promise<void> } = {},
): Promise<Turns<Result>> {
  const contenders = all.filter(({ name }) => wants.peer(name));
  const turns: Turns<Result> = { results: {}, failures: {} };
  for (const { name } of contenders) turns.results[name] = [];
  for (let round = isSmoke || isWarm ? 1 : 0; round <= rounds; round += 1) {
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      if (turns.failures[contender.name] !== undefined) continue;
      try {
        const result = await measure(contender, round);
        if (round > 0) turns.results[contender.name]?.push(result);
      } catch (error) {
        if (isSmoke) throw error;
        turns.failures[contender.name] = reasonOf(error);
        // What it still has to do would be measured with the others.
        await abandon?.(contender);
      }
    }
  }
  return turns;
}

const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined ? `${error} (${reasonOf(error.cause)})` : String(error);

/** The same where one measurement is of all contenders. */
export async function together<Result>(
  { rounds, isSmoke }: Bench,
  measure: () => Promise<Record<string, Result>>,
): Promise<Turns<Result>> {
  const turns: Turns<Result> = { results: {}, failures: {} };
  for (let round = isSmoke ? 1 : 0; round <= rounds; round += 1) {
    for (const [name, result] of Object.entries(await measure())) {
      turns.results[name] ??= [];
      if (round > 0) turns.results[name].push(result);
    }
  }
  return turns;
}

/** What a measurement says besides its values. */
type Told = Readonly<Record<string, unknown>> & { usage?: Usage; note?: string };

/** One number of what was measured, for a row of the table. */
export function pick<Result extends Told>(
  { results, failures }: Turns<Result>,
  valueOf: (result: Result) => number,
): Record<string, Measured> {
  return Object.fromEntries(
    Object.entries(results).map(([name, rounds]) => {
      const failure = failures[name];
      const notes = [...rounds.flatMap(({ note }) => note ?? []), ...(failure === undefined ? [] : [failure])];
      return [name, { values: rounds.map(valueOf), usage: rounds.flatMap(({ usage }) => usage ?? []), notes }];
    }),
  );
}
