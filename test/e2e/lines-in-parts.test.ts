import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { consoleLine, type SentEvent } from "../support/api.ts";
import { browserScene } from "../support/browser-scene.ts";
import { waitForHead } from "../support/browser.ts";
import { runcast } from "../support/command-line.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Lines that come in parts, as progress bars do: one row each, which grows or is replaced. */
const scene = browserScene();

/** The console's rows that are drawn: number and text. */
const drawn = (page: Page): Promise<[sequence: number, text: string][]> =>
  page
    .locator("[role=log] .row")
    .evaluateAll((rows) =>
      rows.map((row) => [
        Number((row as HTMLElement).dataset["sequence"]),
        row.querySelector(".text, .event")?.textContent ?? "",
      ]),
    );
const isInView = (page: Page, sequence: number): Promise<boolean> =>
  page.evaluate((wanted) => {
    const box = document.querySelector("[role=log]")?.getBoundingClientRect();
    const at = document.querySelector(`[role=log] .row[data-sequence="${wanted}"]`)?.getBoundingClientRect();
    return box !== undefined && at !== undefined && at.top >= box.top - 1 && at.bottom <= box.bottom + 1;
  }, sequence);
const ERASE = "\r\u001b[K";
const part = (message: string): SentEvent => ({
  type: "console.line",
  payload: { stream: "stdout", message, partial: true },
});

test("a command's progress bar is one row that is replaced while it runs, and is copied as one", async () => {
  const script = `
    console.log("before");
    let n = 0;
    const bar = setInterval(() => {
      n += 1;
      process.stdout.write("\\rdownload " + n + "%");
      if (n < 60) return;
      clearInterval(bar);
      console.log(" done");
      console.error("after");
    }, 100);`;
  const command = runcast(scene.server, ["run", "--name", "downloading", "--", process.execPath, "-e", script]);
  const runId = await command.runId;
  const { page, context, errors } = await scene.visit();
  await page.goto(`${scene.server.url}/runs/${runId}`);

  const seen = new Set<string>();
  const numbers = new Set<number>();
  await waitUntil("the bar is done", async () => {
    const bars = (await drawn(page)).filter(([, text]) => text.startsWith("download"));
    expect(bars.length).toBeLessThanOrEqual(1);
    for (const [sequence, text] of bars) {
      numbers.add(sequence);
      seen.add(text);
    }
    return seen.has("download 60% done");
  });
  expect(seen.size).toBeGreaterThanOrEqual(3);
  expect(numbers.size).toBe(1);
  expect(await command.exited).toBe(0);
  await page
    .getByText(/complete|ended/)
    .first()
    .waitFor();
  expect((await drawn(page)).map(([, text]) => text).slice(2, -1)).toEqual(["before", "download 60% done", "after"]);
  // Of many events the row is one, and its number is the first of them.
  const parts = (await scene.api.lines(runId)).filter(
    (line) => line.includes('"console.line"') && line.includes("download"),
  );
  expect(parts.length).toBeGreaterThanOrEqual(3);
  expect(numbers).toEqual(new Set([Number(/"sequence":(\d+)/.exec(parts[0] ?? "")?.[1])]));

  const copied = await page.evaluate(() => {
    document.getSelection()?.selectAllChildren(document.querySelector("[role=log] .rows") ?? document.body);
    return document.getSelection()?.toString();
  });
  expect(copied).toContain("before\ndownload 60% done\nafter\n");
  expect(errors).toEqual([]);
  await context.close();
});

test("a link to any of a bar's thousands of parts, in a part of the log that is read later, leads to its one row", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "long bar" });
  const before = 400;
  const parts = 3_000;
  await scene.api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: before }, (_, n) => consoleLine(`before ${n}`)),
    ...Array.from({ length: parts }, (_, n) => part(`${n === 0 ? "" : ERASE}epoch ${n}`)),
    consoleLine(`${ERASE}epoch done`),
  ]);
  await scene.api.add(
    runId,
    Array.from({ length: 7_000 }, (_, n) => consoleLine(`after ${n}`)),
  );
  const bar = 2 + before + 1;
  const middle = bar + 1_700;
  const { page, context, errors } = await scene.visit();
  await page.goto(`${scene.server.url}/runs/${runId}#L${middle}`);
  await page.locator(`.row.target[data-sequence="${bar}"]`, { hasText: "epoch done" }).waitFor();
  await waitUntil("the row is in view", () => isInView(page, bar));
  const rows = await drawn(page);
  const at = rows.findIndex(([sequence]) => sequence === bar);
  await waitUntil("what is around it is here", async () => (await drawn(page))[at + 1]?.[1] === "after 0");
  expect((await drawn(page)).slice(at - 1, at + 2)).toEqual([
    [bar - 1, `before ${before - 1}`],
    [bar, "epoch done"],
    [bar + parts + 1, "after 0"],
  ]);
  expect(await page.evaluate(() => document.querySelectorAll("*").length)).toBeLessThan(1_500);

  // The event of the link is the part itself.
  await page.keyboard.press("e");
  await page
    .getByLabel(`JSON of event ${middle}`)
    .getByText(`epoch ${middle - bar}`)
    .waitFor();
  await page.getByRole("button", { name: "Next event" }).click();
  await page.getByLabel(`JSON of event ${middle + 1}`).waitFor();
  await page.waitForURL(`**/runs/${runId}#L${middle + 1}`);
  expect(await isInView(page, bar)).toBe(true);
  await page.keyboard.press("Escape");

  // From the first line to the last, rows are numbered by what they show, and the end is the log's.
  const log = page.locator("[role=log]");
  await log.evaluate((element) => (element.scrollTop = 0));
  await waitUntil("the beginning is in view", async () => (await drawn(page))[2]?.[1] === "before 0");
  await log.evaluate((element) => (element.scrollTop = element.scrollHeight));
  await waitUntil("the end is in view", () => isInView(page, 2 + before + parts + 1 + 7_000));
  expect(errors).toEqual([]);
  await context.close();
});

test("a bar that grows moves nothing for who reads elsewhere, and stays at the end for who follows", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "growing" });
  await scene.api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: 300 }, (_, n) => consoleLine(`line ${n}`)),
    part("tests: "),
  ]);
  const { page, context } = await scene.visit();
  await page.goto(`${scene.server.url}/runs/${runId}`);
  await waitForHead(page, 303);
  for (let n = 1; n <= 40; n += 1) await scene.api.add(runId, [part(".")]);
  await waitForHead(page, 343);
  await page.locator(".row[data-sequence='303']", { hasText: `tests: ${".".repeat(40)}` }).waitFor();
  expect(await isInView(page, 303)).toBe(true);

  const scrollTop = (): Promise<number> => page.locator("[role=log]").evaluate((element) => element.scrollTop);
  await page.locator("[role=log]").evaluate((element) => (element.scrollTop = 2_000));
  await page.getByRole("button", { name: "Go to the end" }).waitFor();
  for (let n = 1; n <= 20; n += 1) await scene.api.add(runId, [part(".")]);
  await waitForHead(page, 363);
  // A line that only grows is no new line.
  expect(await page.getByRole("button", { name: "Go to the end" }).innerText()).not.toContain("new");
  expect(await scrollTop()).toBe(2_000);
  await scene.api.add(runId, [consoleLine("!"), consoleLine("next")]);
  await page.getByRole("button", { name: "Go to the end, 1 new line" }).waitFor();
  await context.close();
});
