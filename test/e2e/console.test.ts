import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { consoleLine } from "../support/api.ts";
import { browserScene } from "../support/browser-scene.ts";
import { waitForHead } from "../support/browser.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The console over a long log: places, links, what is copied, what is searched for. */
const scene = browserScene();
/** At length 20 px each are more than the 10,000,000 that the box of the console has. Wrapped lines move through such a box in any log. */
const LINES = process.env["RUNCAST_LONG"] === "1" ? 510_000 : 60_000;
const MIDDLE = LINES / 2;
/** `run.queued`, and `run.started` that comes with the first batch. */
const BEFORE = 2;
let long: string;

beforeAll(async () => {
  long = (await scene.api.createRun({ name: "long" })).run_id;
  const batch = LINES / 3;
  for (let from = 1; from <= LINES; from += batch) {
    const body = Array.from({ length: batch }, (_, n) => `line ${from + n}\n`).join("");
    const path = `/api/runs/${long}/events?raw=true`;
    const answer = await scene.api.ask("POST", path, { body, headers: { "content-type": "text/plain" } });
    expect(answer.status).toBe(200);
  }
}, 120_000);

const log = (page: Page) => page.locator("[role=log]");
type Shown = { sequence: number; text: string; top: number };
/** The rows one sees, from the top of the console. */
const shown = (page: Page): Promise<Shown[]> =>
  log(page).evaluate((element) => {
    const box = element.getBoundingClientRect();
    return [...element.querySelectorAll<HTMLElement>(".row:not(.held)")]
      .map((row) => ({
        sequence: Number(row.dataset["sequence"]),
        text: row.querySelector("[data-from]")?.textContent ?? "",
        top: row.getBoundingClientRect().top - box.top,
      }))
      .filter(({ top }) => top > -20 && top < box.height);
  });
const topOf = async (page: Page, sequence: number): Promise<number> =>
  (await shown(page)).find((row) => row.sequence === sequence)?.top ?? Number.NaN;
const hasText = (page: Page, sequence: number): Promise<boolean> =>
  shown(page).then((rows) => rows.some((row) => row.sequence === sequence && row.text === `line ${sequence - BEFORE}`));
const nodes = (page: Page): Promise<number> => page.evaluate(() => document.querySelectorAll("*").length);
const openLong = async (page: Page, hash = ""): Promise<void> => {
  await page.goto(`${scene.server.url}/runs/${long}${hash}`);
  await waitForHead(page, LINES + BEFORE);
};

test("the scroll bar stands for the whole log; wheel and keys move the text by what they say, at its ends too", async () => {
  const { page, context, errors } = await scene.visit();
  await openLong(page);
  await waitUntil("the end is in view", () => hasText(page, LINES + BEFORE));

  const bar = page.getByRole("scrollbar", { name: "Place in the log" });
  const track = (await bar.boundingBox()) ?? expect.fail("the bar is there");
  const x = track.x + track.width / 2;
  /** From the end, where the thumb is when one opens a run, to a part of the whole. */
  await page.mouse.move(x, track.y + track.height - 10);
  await page.mouse.down();
  await page.mouse.move(x, track.y + track.height * 0.3, { steps: 5 });
  await page.mouse.move(x, track.y + track.height * 0.5, { steps: 5 });
  await page.mouse.up();
  await waitUntil("the middle is here", async () => {
    const rows = await shown(page);
    return rows.length > 10 && rows.every(({ sequence, text }) => text === `line ${sequence - BEFORE}`);
  });
  const [middle] = await shown(page);
  expect(Math.abs((middle?.sequence ?? 0) / LINES - 0.5)).toBeLessThan(0.03);
  expect(await nodes(page)).toBeLessThan(2_000);

  // Near the start of a log that is scrolled to scale, and without a pause that would let the box be laid anew.
  await page.goto(`${scene.server.url}/runs/${long}#L150`);
  await waitUntil("line 150 is here", () => hasText(page, 150));
  const before = await topOf(page, 150);
  await page.mouse.move(600, 500);
  for (let notch = 1; notch <= 2; notch += 1) {
    await page.mouse.wheel(0, -100);
    await waitUntil(
      "the wheel has moved it",
      async () => Math.abs((await topOf(page, 150)) - before - 100 * notch) < 1,
    );
  }
  await page.mouse.wheel(0, -20_000);
  await waitUntil("the first line is at the top", async () => Math.abs(await topOf(page, 1)) < 1);
  await page.keyboard.press("End");
  await waitUntil("the end is in view", () => hasText(page, LINES + BEFORE));
  await page.keyboard.press("g");
  await waitUntil("the start is in view", () => hasText(page, 3));
  expect(await nodes(page)).toBeLessThan(2_000);
  expect(errors).toEqual([]);
  await context.close();
});

test("a link to lines or to a moment opens there at once; the gutter makes them, and lines are copied as text, Markdown, link", async () => {
  const { page, context, errors } = await scene.visit({ permissions: ["clipboard-read", "clipboard-write"] });
  const copied = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
  await openLong(page, `#L${MIDDLE}-L${MIDDLE + 2}`);
  await waitUntil("the lines are marked", async () => (await page.locator(".row.target").count()) === 3);
  expect(await hasText(page, MIDDLE + 1)).toBe(true);

  const place = await topOf(page, MIDDLE + 10);
  await page.getByLabel(`Line ${MIDDLE + 10}`, { exact: true }).click();
  await page.waitForURL(`**/runs/${long}#L${MIDDLE + 10}`);
  await page.getByLabel(`Line ${MIDDLE + 8}`, { exact: true }).click({ modifiers: ["Shift"] });
  await page.waitForURL(`**/runs/${long}#L${MIDDLE + 8}-L${MIDDLE + 10}`);
  expect(await topOf(page, MIDDLE + 10)).toBe(place);

  const lines = [6, 7, 8].map((n) => `line ${MIDDLE + n}`).join("\n");
  const tools = page.getByRole("toolbar", {
    name: `Lines ${(MIDDLE + 8).toLocaleString("en")} – ${(MIDDLE + 10).toLocaleString("en")}`,
  });
  await tools.getByRole("button", { name: "Copy text" }).click();
  await waitUntil("text", async () => (await copied()) === lines);
  await tools.getByRole("button", { name: "Markdown" }).click();
  await waitUntil("Markdown", async () => (await copied()).includes(`\`\`\`text\n${lines}\n\`\`\``));
  expect(await copied()).toContain(`(${scene.server.url}/runs/${long}#L${MIDDLE + 8}-L${MIDDLE + 10})`);
  await page.keyboard.press("y");
  await waitUntil(
    "link",
    async () => (await copied()) === `${scene.server.url}/runs/${long}#L${MIDDLE + 8}-L${MIDDLE + 10}`,
  );

  await tools.getByRole("button", { name: "Moment" }).click();
  await waitUntil("moment", async () => (await copied()).includes("#T20"));
  const at = (await copied()).split("#T")[1] ?? "";
  const page1 = await scene.api.ask("GET", `/api/runs/${long}/events?at=${at}&limit=1`);
  const first = Number(/"sequence":(\d+)/.exec(page1.text)?.[1]);
  await page.goto(`${scene.server.url}/runs`);
  await page.goto(`${scene.server.url}/runs/${long}#T${at}`);
  await page.locator(`.row.target[data-sequence='${first}']`).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("what is selected is copied to the character, over everything that is not drawn", async () => {
  const { page, context, errors } = await scene.visit({ permissions: ["clipboard-read", "clipboard-write"] });
  await openLong(page, "#L1000");
  await waitUntil("line 1000 is here", () => hasText(page, 1_000));
  const row = (sequence: number) => page.locator(`.row[data-sequence='${sequence}'] [data-from]`);
  await row(1_000).evaluate((element) => {
    const text = element.querySelector("span")?.firstChild ?? element;
    document.getSelection()?.setBaseAndExtent(text, 2, text, 3);
  });
  // Far enough for the row in which it began to be long gone, over blocks that are fetched on the way.
  await page.mouse.move(600, 500);
  for (let notch = 0; notch < 6; notch += 1) await page.mouse.wheel(0, 5_000);
  await waitUntil("2,500 is passed", async () => ((await shown(page))[0]?.sequence ?? 0) > 2_400);
  const end = (await shown(page))[4]?.sequence ?? 0;
  await waitUntil("its text is here", () => hasText(page, end));
  await row(end).evaluate((element) => {
    const text = element.querySelector("span")?.firstChild ?? element;
    document.getSelection()?.extend(text, 4);
  });
  await page.keyboard.press("Control+C");
  const between = Array.from({ length: end - 1_001 }, (_, n) => `line ${1_001 + n - BEFORE}`);
  const wanted = [`line ${1_000 - BEFORE}`.slice(2), ...between, "line"].join("\n");
  await waitUntil("it is copied", async () => (await page.evaluate(() => navigator.clipboard.readText())) === wanted);
  expect(await nodes(page)).toBeLessThan(2_000);
  expect(errors).toEqual([]);
  await context.close();
});

test("a line of 200,000 characters is there from its beginning to its end, its middle when one asks for it", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "one long line" });
  const text = `begin ${"0123456789".repeat(20_000)} end`;
  await scene.api.add(runId, [{ type: "run.started", payload: {} }, consoleLine(text), consoleLine("behind")]);
  const { page, context, errors } = await scene.visit({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.goto(`${scene.server.url}/runs/${runId}#L3`);
  const row = page.locator(".row[data-sequence='3']");
  await row.getByText(/^begin 0123/).waitFor();
  expect(await row.innerText()).toMatch(/6789 end$/);
  await page.getByRole("button", { name: "Copy text" }).click();
  await waitUntil("all is copied", async () => (await page.evaluate(() => navigator.clipboard.readText())) === text);
  for (let asked = 1; asked <= 6; asked += 1)
    await row.getByRole("button", { name: /more characters/ }).evaluate((button: HTMLElement) => button.click());
  await waitUntil(
    "all is drawn",
    async () => (await row.locator("[data-from]").allInnerTexts()).join("").length === text.length,
  );
  expect(errors).toEqual([]);
  await context.close();
});
