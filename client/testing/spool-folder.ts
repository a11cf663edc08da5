import { existsSync, readdirSync, readFileSync, truncateSync } from "node:fs";
import { basename, join } from "node:path";

/** Where a test's command lines keep what is not delivered. */
export class SpoolFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The names of the spools in it. */
  names(): string[] {
    return existsSync(this.path) ? readdirSync(this.path) : [];
  }

  files(): string[] {
    return this.names().flatMap((name) =>
      readdirSync(join(this.path, name)).map((file) => join(this.path, name, file)),
    );
  }

  /** As a disk that lost what was written to it. */
  loseLines(): void {
    for (const path of this.files()) if (basename(path).startsWith("lines-")) truncateSync(path, 0);
  }

  /** Every byte of every spool. */
  text(): string {
    return this.files()
      .map((file) => readFileSync(file, "utf8"))
      .join("");
  }
}

export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
