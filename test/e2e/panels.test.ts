import { expect, test } from "vitest";
import { consoleLine, type SentEvent } from "../support/api.ts";
import { waitForHead } from "../support/browser.ts";
import { browserScene } from "../support/browser-scene.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Steps, metrics, issues and a failure, each with its way to the place in the log. */
const scene = browserScene();

const step = (id: string, name: string, parent?: string): SentEvent => ({
  type: "step.started",
  step: id,
  payload: { name, parent },
});
const stepEnd = (id: string, status: string, ms: number): SentEvent => ({
  type: "step.completed",
  step: id,
  payload: { status, duration_ms: ms },
});
const value = (name: string, recorded: number): SentEvent => ({
  type: "metric.recorded",
  payload: { name, value: recorded },
});
const stderr = (message: string): SentEvent => ({ type: "console.line", payload: { stream: "stderr", message } });
const HOSTILE = "<img src=x onerror=alert(1)>";

test("a failed run opens at what its failed step said last, however much came behind; its steps are a tree for keys, and lead to their lines", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "build" });
  await scene.api.add(runId, [
    { type: "run.started", payload: {} },
    step("install", "Install"),
    stepEnd("install", "succeeded", 9_000),
    step("test", "Test"),
    step("unit", HOSTILE, "test"),
    stderr("boom"),
    stepEnd("unit", "failed", 20_000),
    stepEnd("test", "failed", 21_000),
  ]);
  // More than the page is brought when it opens: the place has to be fetched.
  for (let part = 0; part < 3; part += 1)
    await scene.api.add(
      runId,
      Array.from({ length: 2_000 }, (_, n) => consoleLine(`clean up ${part} ${n}`)),
    );
  await scene.api.complete(runId, "failed");
  const { page, context, errors } = await scene.visit();
  await page.goto(`${scene.server.url}/runs/${runId}`);
  const failure = page.locator("details.failure");
  await failure.locator(".row", { hasText: "boom" }).waitFor();
  expect(await failure.locator(".row").count()).toBe(1);
  expect(await failure.locator("summary").innerText()).toContain(HOSTILE);
  await failure.getByRole("link", { name: "Go to line 7" }).click();
  await page.locator("[role=log] .row.target[data-sequence='7']").waitFor();

  await page.getByRole("tab", { name: /Steps/ }).click();
  const rows = page.getByRole("treegrid").getByRole("row");
  await rows.filter({ hasText: HOSTILE }).waitFor();
  const names = () => page.getByRole("treegrid").getByRole("rowheader").locator("bdi").allInnerTexts();
  expect(await names()).toEqual(["Install", "Test", HOSTILE]);
  expect(await rows.filter({ hasText: "slowest" }).allInnerTexts()).toEqual([expect.stringContaining(HOSTILE)]);
  // A button that was clicked keeps its own keys.
  await page.getByRole("button", { name: "Fold Test" }).click();
  expect(await names()).toEqual(["Install", "Test"]);
  await page.keyboard.press("Enter");
  expect(await names()).toEqual(["Install", "Test", HOSTILE]);
  await rows.filter({ hasText: "Install" }).focus();
  for (const key of ["ArrowDown", "ArrowLeft"]) await page.keyboard.press(key);
  expect(await names()).toEqual(["Install", "Test"]);
  for (const key of ["ArrowRight", "ArrowRight", "Enter"]) await page.keyboard.press(key);
  await page.waitForURL(`**/runs/${runId}#L6`);
  await page.goBack();
  await page.waitForURL("**?view=steps");
  expect(errors).toEqual([]);
  await context.close();
});

test("what draws charts comes with the first look; a place in one is a place in all, and in the log", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "train" });
  await scene.api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: 50 }, (_, n) => [
      value("loss/train", 50 - n),
      value("loss/test", 60 - n),
      value(HOSTILE, n),
    ]).flat(),
  ]);
  const { page, context, errors } = await scene.visit();
  const scripts: string[] = [];
  page.on("request", (request) => {
    if (request.resourceType() === "script") scripts.push(request.url());
  });
  await page.goto(`${scene.server.url}/runs/${runId}`);
  await waitForHead(page, 152);
  const before = scripts.length;
  await page.getByRole("tab", { name: /Metrics/ }).click();
  const loss = page.getByRole("slider", { name: /^loss:/ });
  const other = page.getByRole("slider", { name: `${HOSTILE}: place in the log`, exact: true });
  await loss.locator("canvas").waitFor();
  expect(scripts.length).toBeGreaterThan(before);
  const spoken = (slider = loss) => slider.getAttribute("aria-valuetext");
  expect(await spoken()).toBe("train 1, test 11; 100 values");

  await loss.focus();
  await page.keyboard.press("Home");
  expect(await spoken()).toMatch(/^train 50, test 60; after \d+:\d\d, line 3$/);
  expect(await spoken(other)).toContain(`${HOSTILE} 0; `);
  await page.keyboard.press("End");
  expect(await spoken()).toMatch(/^train 1, test 11; after .*, line 151$/);
  // By mouse: both follow, and the link is that of the nearest value.
  const box = await loss.locator(".u-over").boundingBox();
  if (box === null) throw new Error("the chart is not there");
  await page.mouse.move(box.x + box.width / 2, box.y + 20);
  await waitUntil("the other chart has followed", async () => /line 7\d$/.test((await spoken(other)) ?? ""));
  const link = page.getByRole("link", { name: /^Go to line 7\d$/ });
  await link.waitFor();

  // One more is drawn, and said, when it comes.
  await scene.api.add(runId, [value("loss/train", 0.5)]);
  await page.keyboard.press("End");
  await waitUntil("the new value is there", async () => {
    await page.keyboard.press("End");
    return ((await spoken()) ?? "").startsWith("train 0.5,");
  });
  // Closer, and back.
  await page.mouse.move(box.x + box.width * 0.25, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20, { steps: 4 });
  await page.mouse.up();
  const wholeRun = page.getByRole("button", { name: "Whole run" });
  await wholeRun.click();
  await wholeRun.waitFor({ state: "hidden" });
  // A click goes to what is drawn under it: the whole run must be drawn again.
  await waitUntil("the middle is the middle again", async () => {
    await page.mouse.move(box.x + box.width / 2 - 2, box.y + 20);
    await page.mouse.move(box.x + box.width / 2, box.y + 20);
    return /line 7\d$/.test((await spoken(other)) ?? "");
  });
  await page.mouse.click(box.x + box.width / 2, box.y + 20);
  await page.waitForURL(/#L7\d$/);
  expect(errors).toEqual([]);
  await context.close();
});

test("issues are grouped by severity and code, and each leads to its line", async () => {
  const { run_id: runId } = await scene.api.createRun({ name: "check" });
  const issue = (severity: string, code: string, message: string): SentEvent => ({
    type: "run.validation.issue",
    payload: { severity, code, message },
  });
  await scene.api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: 12 }, (_, n) => issue("warning", "OFTEN", `message ${n}`)),
    issue("error", HOSTILE, "bad"),
  ]);
  const { page, context, errors } = await scene.visit();
  await page.goto(`${scene.server.url}/runs/${runId}?view=issues`);
  const groups = page.locator("#panel details");
  await groups.nth(1).waitFor();
  expect(await page.locator("#panel").getByRole("heading").allInnerTexts()).toEqual([
    expect.stringMatching(/error\s*1/i),
    expect.stringMatching(/warning\s*12/i),
  ]);
  expect(await groups.first().innerText()).toContain(HOSTILE);
  // Few are shown at once, many when asked for.
  expect(await groups.first().getByRole("link").count()).toBe(1);
  expect(await groups.nth(1).getByRole("link").count()).toBe(0);
  await groups.nth(1).locator("summary").press("Enter");
  await groups.nth(1).getByRole("link", { name: "Line 9", exact: true }).click();
  await page.locator(".row.target[data-sequence='9']").waitFor();
  expect(errors).toEqual([]);
  await context.close();
});
