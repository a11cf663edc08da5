import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { consoleLine } from "../support/api.ts";
import { browserScene } from "../support/browser-scene.ts";

/** ⌘K, by a real browser with the keyboard alone. */
const scene = browserScene();

const palette = (page: Page) => page.getByRole("dialog", { name: "Find or do anything" });
const chosen = (page: Page) => palette(page).locator("[aria-selected=true]");
async function type(page: Page, query: string): Promise<void> {
  await page.keyboard.press("Control+k");
  await palette(page).waitFor();
  await page.keyboard.type(query);
}

test("a run is found by its name and opened, a line jumped to, the theme changed, by keys alone", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "train resnet" });
  await scene.api.createRun({ name: "nightly etl" });
  await scene.api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: 2_000 }, (_, n) => consoleLine(`step ${n}`)),
  ]);
  const { page, context, errors } = await scene.visit({
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await page.getByRole("link", { name: "train resnet" }).waitFor();

  await type(page, "resnet");
  await palette(page)
    .getByRole("option", { name: /train resnet/ })
    .waitFor();
  // Whoever looks for a name finds the run; whoever wants to filter by it, that.
  await page.keyboard.press("ArrowDown");
  expect(await chosen(page).innerText()).toContain("train resnet");
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/runs/${runId}`);

  await type(page, "1,204");
  expect(await chosen(page).innerText()).toContain("Go to line 1,204");
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/runs/${runId}#L1204`);
  await page.locator(".row.target[data-sequence='1204']").waitFor();

  await type(page, "copy link line");
  await page.keyboard.press("Enter");
  await page.getByText("The link to line 1204 is copied.").waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${scene.server.url}/runs/${runId}#L1204`);

  await type(page, "dark");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe("dark");

  await type(page, "summary");
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/runs/${runId}?view=summary`);
  expect(errors).toEqual([]);
  await context.close();
});

test("it is a dialog that keeps the focus and gives it back, and its keys are no commands of the page", async () => {
  const { page, context } = await scene.visit();
  const search = page.getByRole("button", { name: "Failed" });
  await search.focus();
  await type(page, "jjpu/?");
  expect(await palette(page).getByRole("status").innerText()).toBe("");
  expect(page.url()).toContain("/w/default");
  expect(await palette(page).getByRole("combobox").inputValue()).toBe("jjpu/?");
  // Whatever is typed can be searched for among the runs.
  expect(await chosen(page).innerText()).toContain("Show runs called “jjpu/?”");
  for (let times = 0; times < 4; times += 1) await page.keyboard.press("Tab");
  expect(
    await page.evaluate(
      () => document.activeElement?.closest("dialog") !== null || document.activeElement === document.body,
    ),
  ).toBe(true);
  await page.keyboard.press("Escape");
  await palette(page).waitFor({ state: "hidden" });
  expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toMatch(/^Failed/);

  await page.keyboard.press("Control+k");
  const combobox = palette(page).getByRole("combobox");
  const active = async (): Promise<string | null> =>
    page.locator(`[id="${(await combobox.getAttribute("aria-activedescendant")) ?? ""}"]`).textContent();
  // What the server knows comes below all else, so that nothing moves; from then on the list stays as it is.
  await palette(page)
    .getByRole("option", { name: /nightly etl/ })
    .waitFor();
  const first = await active();
  await page.keyboard.press("ArrowUp");
  const last = await active();
  expect(last).not.toBe(first);
  await page.keyboard.press("ArrowDown");
  expect(await active()).toBe(first);
  // The same keys close it.
  await page.keyboard.press("Control+k");
  await palette(page).waitFor({ state: "hidden" });
  await context.close();
});
