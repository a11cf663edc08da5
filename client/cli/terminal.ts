type Environment = Readonly<Record<string, string | undefined>>;

/** Colours for one of our own outputs. `NO_COLOR` and `FORCE_COLOR` decide before what the output is. */
export function paintFor(output: { isTTY?: boolean }, environment: Environment): Paint {
  const forced = environment["FORCE_COLOR"];
  const coloured = isSet(environment["NO_COLOR"]) ? false : isSet(forced) ? forced !== "0" : output.isTTY === true;
  const wrap = (code: number) => (text: string) => (coloured ? `\u001B[${code}m${text}\u001B[0m` : text);
  return { bold: wrap(1), dim: wrap(2), red: wrap(31), green: wrap(32), yellow: wrap(33), blue: wrap(34) };
}
export type Paint = Record<"bold" | "dim" | "red" | "green" | "yellow" | "blue", (text: string) => string>;

export const isSet = (value: string | undefined): value is string => value !== undefined && value !== "";

/** `3.2 s`, `4 min 5 s`, `2 h 3 min`: short, and no more exact than one reads. */
export function formatDuration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Resolves when the output has room again, so that a fast log does not pile up before a slow reader. */
export function writeOut(output: NodeJS.WriteStream, bytes: string | Uint8Array): Promise<void> | undefined {
  if (output.writableEnded || output.destroyed || output.write(bytes)) return undefined;
  return new Promise((resolve) => {
    const done = () => {
      output.off("drain", done);
      output.off("close", done);
      resolve();
    };
    output.on("drain", done);
    output.on("close", done);
  });
}
