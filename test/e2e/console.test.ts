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
const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name, exact: true });
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
  await waitUntil("and here", () => hasText(page, MIDDLE + 1));

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

test("hostile text shows as text, in its own row, and takes nothing from the others", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "hostile" });
  const esc = "\u001b";
  const hostile = {
    markup: `<img src=x onerror="document.title='owned'"><script>document.title="owned"</script>{@html "x"}`,
    bidi: `\u202egnp.exe\u202c \u2066isolated\u2069 \u05d0\u05d1 \u200f!`,
    zeroWidth: `a${"\u200b\u200d\ufeff".repeat(2_000)}b`,
    combining: `z${"\u0300\u0489".repeat(3_000)}`,
    wide: "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\ufdfd".repeat(400),
  };
  const bomb = Array.from({ length: 14_000 }, (_, n) => `${esc}[38;5;${n % 256}m${n % 10}`).join("");
  const link = `${esc}]8;;javascript:document.title='owned'\u0007click${esc}]8;;\u0007 ${esc}]8;;https://example.org/\u0007web${esc}]8;;\u0007`;
  const controls = `${esc}[2J${esc}[H${esc}]0;owned\u0007${esc}P+q${esc}\\\u0000\u0008\u009b31mred`;
  const said = [...Object.values(hostile), bomb, link, controls, "after"];
  await scene.api.add(runId, [{ type: "run.started", payload: {} }, ...said.map((text) => consoleLine(text))]);
  const { page, context, errors } = await scene.visit();
  await page.goto(`${scene.server.url}/runs/${runId}`);
  await page.locator(".row .text", { hasText: /^after$/ }).waitFor();
  const texts = await page.locator(".row .text [data-from='0']").allTextContents();
  // What is not as it should be would fill the terminal.
  expect(Object.entries(hostile).flatMap(([name, text], at) => (texts[at] === text ? [] : [name]))).toEqual([]);
  expect(texts[5] === Array.from({ length: 8_000 }, (_, n) => n % 10).join("")).toBe(true);
  expect(texts.slice(6)).toEqual(["click web", "␀␈red", "after"]);
  expect(
    await page.locator(".row .text a").evaluateAll((links) => links.map((one) => one.getAttribute("href"))),
  ).toEqual(["https://example.org/"]);
  expect(await page.title()).not.toBe("owned");
  const boxes = await page
    .locator(".row")
    .evaluateAll((rows) =>
      rows.map((row) => [row.getBoundingClientRect().height, row.querySelector<HTMLElement>(".gutter a")?.offsetLeft]),
    );
  expect(new Set(boxes.map(String))).toEqual(new Set(["20,0"]));
  expect(await nodes(page)).toBeLessThan(2_000);
  expect(errors).toEqual([]);
  await context.close();
});

test("a search finds what is in the whole log, leads from line to line, marks them, and keeps up with what comes", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "searched" });
  const said = Array.from({ length: 3_000 }, (_, n) => consoleLine(n % 100 === 7 ? `needle ${n}` : `hay ${n}`));
  await scene.api.add(runId, [{ type: "run.started", payload: {} }, ...said]);
  const { page, context, errors } = await scene.visit();
  await page.goto(`${scene.server.url}/runs/${runId}`);
  await waitForHead(page, 3_002);
  const status = page.getByRole("search").getByRole("status");
  const isShown = (sequence: number): Promise<boolean> =>
    shown(page).then((rows) => rows.some((row) => row.sequence === sequence));

  await page.keyboard.press("Control+F");
  const field = page.getByRole("textbox", { name: "Search the whole log" });
  await field.fill("NEEDLE");
  await status.getByText("30 lines").waitFor();
  expect(await page.locator(".marks path.hit").getAttribute("d")).toMatch(/^M/);
  // From what is in view on: behind the last of them comes the first.
  await field.press("Enter");
  await status.getByText("1 of 30 lines").waitFor();
  await waitUntil("the first is in view", () => isShown(10));
  await page.locator(".row.found[data-sequence='10']").waitFor();
  expect(await page.evaluate(() => [...(CSS.highlights.get("search-current") ?? [])].map(String))).toEqual(["needle"]);
  await field.press("Shift+Enter");
  await status.getByText("30 of 30 lines").waitFor();
  await log(page).focus();
  await page.keyboard.press("N");
  await status.getByText("29 of 30 lines").waitFor();
  await waitUntil("it is in view", () => isShown(2 + 2_808));

  // With the field in focus the key is the browser's own, else it leads back to the field.
  const isTaken = (): Promise<boolean> =>
    page.evaluate(
      () =>
        !(document.activeElement ?? document.body).dispatchEvent(
          new KeyboardEvent("keydown", { key: "f", ctrlKey: true, bubbles: true, cancelable: true }),
        ),
    );
  expect(await isTaken()).toBe(true);
  expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
  expect(await isTaken()).toBe(false);

  await button(page, "Capital and small letters differ").click();
  await status.getByText("no line has it").waitFor();
  await button(page, "Regular expression").click();
  await field.fill("needle (7|2\\d07)$");
  await status.getByText("11 lines").waitFor();
  await field.fill("needle (");
  await page
    .getByRole("alert")
    .getByText(/missing/)
    .waitFor();
  await field.fill("needle (7|2\\d07)$");
  await status.getByText("11 lines").waitFor();

  await button(page, "Only these").click();
  const only = [10, ...Array.from({ length: 10 }, (_, n) => 2_010 + 100 * n)];
  await log(page).focus();
  await page.keyboard.press("g");
  const around = only.flatMap((hit) => [-2, -1, 0, 1, 2].map((by) => hit + by)).slice(0, 25);
  await waitUntil("what is found is there, with two lines around it", async () => {
    const rows = await shown(page);
    return around.every((sequence, at) => rows[at]?.sequence === sequence);
  });
  await scene.api.add(runId, [consoleLine("needle 2999907"), consoleLine("needle 2107")]);
  await status.getByText("12 lines").waitFor();

  // A level alone shows its lines alone.
  await field.fill("");
  await button(page, "Only these").click();
  const stderr = { type: "console.line", payload: { stream: "stderr", message: "bad" } };
  await scene.api.add(runId, [stderr, { ...stderr, payload: { ...stderr.payload, level: "info" } }]);
  await page.getByLabel("Level").selectOption("error");
  await status.getByText("1 line", { exact: true }).waitFor();
  await waitUntil("what is near it is all there is", async () => (await shown(page)).length <= 5);
  await field.focus();
  await page.keyboard.press("Escape");
  expect(await page.getByRole("search").count()).toBe(0);
  await waitUntil("all lines are there again", async () => {
    const rows = await shown(page);
    return rows.every(({ sequence }, at) => sequence === (rows[0]?.sequence ?? 0) + at);
  });
  expect(errors).toEqual([]);
  await context.close();
});

test("a search that finds very much says how far it has come, and goes on when it is told to", async () => {
  const { page, context, errors } = await scene.visit();
  await openLong(page);
  await page.keyboard.press("/");
  await page.getByRole("textbox", { name: "Search the whole log" }).fill("line");
  const status = page.getByRole("search").getByRole("status");
  await status.getByText("10,000 lines, searched up to 10,002").waitFor();
  await button(page, "Go on").click();
  await status.getByText("20,000 lines, searched up to 20,002").waitFor();
  expect(await nodes(page)).toBeLessThan(2_000);
  expect(errors).toEqual([]);
  await context.close();
});

test("wrapped or not, with times or without, folded or not: the place stays, and no line is lost", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "folded" });
  const text = (n: number): string => `${n}: ${"word ".repeat(n % 10 === 0 ? 200 : 3)}`;
  const inStep = (step: string, from: number) => [
    { type: "step.started", step, payload: { name: step } },
    ...Array.from({ length: 500 }, (_, n) => ({ ...consoleLine(text(from + n)), step })),
    { type: "step.completed", step, payload: { status: "succeeded", duration_ms: 31_000 } },
  ];
  await scene.api.add(runId, [
    { type: "run.started", payload: {} },
    ...inStep("install", 0),
    ...inStep("compile", 500),
  ]);
  const { page, context, errors } = await scene.visit();
  await page.goto(`${scene.server.url}/runs/${runId}#L700`);
  await page.locator(".row.target[data-sequence='700']").waitFor();
  const place = await topOf(page, 700);
  const inPlace = async (): Promise<boolean> => Math.abs((await topOf(page, 700)) - place) < 1;
  await page.keyboard.press("w");
  await page.locator(".row.wrapped").first().waitFor();
  await waitUntil("the place is kept", inPlace);
  // A long row is as tall as its text, and the next one stands right below it.
  const tall = (await shown(page)).findIndex(({ text: said }) => said.length > 500);
  await waitUntil("rows stand below each other", async () => {
    const rows = await shown(page);
    return (rows[tall + 1]?.top ?? 0) - (rows[tall]?.top ?? 0) > 60;
  });
  await log(page).focus();
  await page.mouse.move(800, 500);
  await page.mouse.wheel(0, 300);
  await waitUntil("the wheel says how far", async () => Math.abs((await topOf(page, 700)) - place + 300) < 1);
  await page.keyboard.press("g");
  await waitUntil("the first is at the top", async () => Math.abs(await topOf(page, 1)) < 1);
  await page.keyboard.press("G");
  await waitUntil("the last is there", async () => !Number.isNaN(await topOf(page, 1_006)));
  await page.keyboard.press("w");

  await page.getByLabel("Times").selectOption("delta");
  await waitUntil("times are there", async () =>
    (await page.locator(".time").allInnerTexts()).every((one) => one.startsWith("+")),
  );
  await page.goto(`${scene.server.url}/runs/${runId}`);
  await page.locator(".time").first().waitFor();
  await page.getByLabel("Times").selectOption("off");

  await page.keyboard.press("g");
  await waitUntil("the first step is in view", async () => !Number.isNaN(await topOf(page, 3)));
  await button(page, "install: its lines").click();
  await page.getByText("501 lines, 31 s · succeeded").waitFor();
  expect((await shown(page)).slice(0, 5).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 505, 506]);
  await page.locator(".step", { hasText: "compile" }).last().waitFor();
  // A link into a fold opens it.
  await page.evaluate(() => (location.hash = "#L100"));
  await page.locator(".row.target[data-sequence='100']").waitFor();
  await page.locator(".bar .step", { hasText: "install" }).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});
