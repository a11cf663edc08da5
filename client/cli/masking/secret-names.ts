/** Names of variables that hold secrets, and, now and then, of some that hold none: those are masked for nothing. */
const SECRET_NAME = /TOKEN|SECRET|PASSWORD|KEY/i;
/** A shorter value (`true`, `12345`, `root`) would be found all over an innocent log. */
export const SECRET_MIN_CHARS = 6;

/** The secrets of an environment; those of several lines line by line, because output comes in lines. */
export function secretsOf(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(environment)
    .filter(([name]) => SECRET_NAME.test(name))
    .flatMap(([, value = ""]) => linesOf(value))
    .filter((line) => line.length >= SECRET_MIN_CHARS);
}

export const linesOf = (value: string): string[] => value.split(/\r?\n|\r/).map((line) => line.trim());
