import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { CLOSE_NORMAL, CLOSE_RESTART, CLOSE_TOO_SLOW, ERROR_CODES } from "./error-code.ts";

const ROOT = resolve(import.meta.dirname, "..");
const rows = Object.entries(ERROR_CODES);

test.each(rows)(
  "[ERR2] %s has a status of a refusal, a title, and the close code that goes with its status",
  (code, row) => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(row.status).toBeGreaterThanOrEqual(400);
    expect(row.status).toBeLessThan(600);
    expect(row.title).toMatch(/^[A-Z].{5,}[^.]$/);
    // To come again as it is helps where the server was busy or broken, and nowhere else.
    expect(row.retry).toBe(row.status === 429 || row.status >= 500);
    const closes: Record<number, number> = {
      400: 4400,
      401: 4401,
      404: 4404,
      409: 4409,
      410: 4404,
      413: 4413,
      422: 4400,
      429: 4429,
      503: CLOSE_RESTART,
    };
    const expected = code === "PRODUCER_FENCED" ? 4409 : row.status === 403 ? 4403 : closes[row.status];
    if ("close" in row) expect(row.close).toBe(expected);
  },
);

test("[ERR2] no title stands for two codes, and no refusal's close code for something else", () => {
  expect(new Set(rows.map(([, { title }]) => title)).size).toBe(rows.length);
  const closes: number[] = rows.flatMap(([, row]) => ("close" in row ? [row.close] : []));
  expect([CLOSE_NORMAL, CLOSE_TOO_SLOW].filter((code) => closes.includes(code))).toEqual([]);
});

test("[ERR2] every code of the table is given somewhere", () => {
  const sources = globSync("{core,protocol,storage,durable-objects,worker}/**/*.ts", {
    cwd: ROOT,
    exclude: ["**/*.test.ts", "**/*.contract.ts", "**/error-code.ts", "protocol/api.ts", "worker/routes/openapi.ts"],
  });
  const text = sources.map((path) => readFileSync(resolve(ROOT, path), "utf8")).join("\n");
  expect(
    rows.map(([code]) => code).filter((code) => !text.includes(`"${code}"`) && !text.includes(`.${code}`)),
  ).toEqual([]);
});
