/** About 0.6 MB. */
const LINES_A_BATCH = 10_000;

/** What a build prints, in batches: ten lines with a needle, a warning and a long step in each thousand lines, and a last line of its own. */
export function* buildLogLines(count: number): Generator<string> {
  const needleEvery = count / 10;
  for (let start = 0; start < count; start += LINES_A_BATCH) {
    let lines = "";
    for (let at = start; at < Math.min(count, start + LINES_A_BATCH); at += 1)
      lines += `${lineAt(at, count, needleEvery)}\n`;
    yield lines;
  }
}

function lineAt(at: number, count: number, needleEvery: number): string {
  if (at === count - 1) return `[${at}] build finished`;
  if (at % needleEvery === Math.floor(needleEvery / 2)) return `[${at}] a needle in src/module-${at % 977}.ts`;
  if (at % 1_000 === 7) return `[${at}] Warning: src/module-${at % 977}.ts is larger than it should be`;
  const ms = at % 1_000 === 13 ? 1_000 + (at % 8_999) : at % 1_000;
  return `[${at}] compiled src/module-${at % 977}.ts with ${at % 31} dependencies, took ${ms} ms`;
}
