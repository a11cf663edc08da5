export type TerminalSize = { rows: number; columns: number };

/** Of the terminal that we are on; else as the environment has it; else what terminals began with. */
export function terminalSize(
  output: { isTTY?: boolean; rows?: number; columns?: number },
  environment: NodeJS.ProcessEnv,
): TerminalSize {
  if (output.isTTY === true && isSize(output.rows) && isSize(output.columns)) {
    return { rows: output.rows, columns: output.columns };
  }
  const [rows, columns] = [Number(environment["LINES"]), Number(environment["COLUMNS"])];
  return { rows: isSize(rows) ? rows : 24, columns: isSize(columns) ? columns : 80 };
}

const isSize = (count: number | undefined): count is number =>
  Number.isSafeInteger(count) && Number(count) >= 1 && Number(count) <= 10_000;
