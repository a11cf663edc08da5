import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { brotliCompressSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser, visit, waitForHead } from "../support/browser.ts";
import { consoleLine } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { waitUntil } from "../support/wait-until.ts";

/** What one does on the pages, by a real browser on a real server. */
let browser: Browser;
let server: InspectedServer;
let administrator: { url: string; token: string };

beforeAll(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startInspectedServer()]);
  administrator = { url: server.server.url, token: server.api.token };
});
afterAll(async () => {
  await browser.close();
  await server.remove();
});

const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name });

test("a server that is busy while the page comes is asked again by itself; one that stays so is told, with a way on", async () => {
  const { run_id: runId } = await server.api.createRun({ name: "patience" });
  await server.api.add(runId, [{ type: "run.started", payload: {} }, consoleLine("here")]);
  const { page, context, errors } = await visit(browser, administrator);
  const asked = new Map<string, number>();
  let busy = 2;
  await page.route(/\/api\/(session|runs\/[^/]+(\/summary|\/events)?)(\?|$)/, (route) => {
    const { pathname } = new URL(route.request().url());
    asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
    if ((asked.get(pathname) ?? 0) > busy) return route.continue();
    return route.fulfill({ status: 503, headers: { "retry-after": "0" }, body: "busy" });
  });
  await page.goto(`${server.server.url}/runs/${runId}`);
  await waitForHead(page, 3);
  await page.getByText("live", { exact: true }).waitFor();
  expect(asked.get(`/api/runs/${runId}`)).toBe(3);
  expect(asked.get("/api/session")).toBe(3);

  // To say that one is signed out would be a lie while the cookie is still good.
  busy = Infinity;
  await button(page, /^You: /).click();
  await button(page, "Sign out").click();
  await page.getByText(/You are still signed in: the server answered 503/).waitFor();
  expect(page.url()).toContain(runId);
  await page.reload();
  await page.getByText("The runs could not be read").waitFor();
  busy = 0;
  await button(page, "Try again").click();
  await waitForHead(page, 3);
  expect(errors).toEqual([]);
  await context.close();
});

test("a stale edit is told in words and undoes nothing; saved again it is an edit of the newer one", async () => {
  const { run_id: runId } = await server.api.createRun({ name: "first", labels: { a: "1" } });
  const { page, context, errors } = await visit(browser, administrator);
  await page.goto(`${server.server.url}/runs/${runId}`);
  await button(page, "Edit name and labels").click();
  await page.waitForFunction(() => document.querySelector("textarea")?.value === "a: 1");
  await page.getByLabel("Name", { exact: true }).fill("mine");
  await server.api.ask("PATCH", `/api/runs/${runId}`, { body: { name: "theirs", labels: { a: "2" } } });

  await button(page, "Save").click();
  await page.getByText(/Somebody else has edited this run meanwhile: it is called “theirs” now, with a: 2/).waitFor();
  expect(await server.api.run(runId)).toMatchObject({ name: "theirs", labels: { a: "2" } });
  await button(page, "Save").click();
  await page.getByRole("heading", { name: "mine" }).waitFor();
  expect(await server.api.run(runId)).toMatchObject({ name: "mine", labels: { a: "1" } });
  expect(errors).toEqual([]);
  await context.close();
});

test("a pin set in one list shows in another, and what is refused is taken back and said", async () => {
  const { run_id: runId } = await server.api.createRun({ name: "to be pinned" });
  const [here, there] = await Promise.all([visit(browser, administrator), visit(browser, administrator)]);
  const pinIn = (page: Page) => button(page, "Pin to be pinned");
  await Promise.all([pinIn(here.page).waitFor(), pinIn(there.page).waitFor()]);
  await pinIn(here.page).click();
  await there.page.locator("button[aria-pressed=true][aria-label='Pin to be pinned']").waitFor();
  expect((await server.api.run(runId)).pinned).toBe(true);

  await here.context.setOffline(true);
  await pinIn(here.page).click();
  await here.page.getByText(/“to be pinned” could not be unpinned/).waitFor();
  expect(await pinIn(here.page).getAttribute("aria-pressed")).toBe("true");
  await Promise.all([here.context.close(), there.context.close()]);
});

test("a connection that was cut says when it is back, and that the server is newer than the page", async () => {
  const { run_id: runId } = await server.api.createRun({ name: "cut" });
  await server.api.add(runId, [{ type: "run.started", payload: {} }, consoleLine("before")]);
  const { page, context } = await visit(browser, administrator);
  await page.goto(`${server.server.url}/runs/${runId}`);
  await waitForHead(page, 3);
  await page.getByText("live", { exact: true }).waitFor();
  // As after an upgrade: what answers now is of another version than what answered when the page came.
  await page.route("**/api/health", (route) => route.fulfill({ json: { status: "ok", version: "99.0.0+another" } }));
  await server.evict(runId, "close");
  await server.api.add(runId, [consoleLine("meanwhile")]);

  await page.getByText("Reconnected. Nothing was lost.").waitFor();
  await page.getByText("A newer Runcast is here").waitFor();
  await waitForHead(page, 4);
  await page.locator("[role=log] .row", { hasText: "meanwhile" }).waitFor();
  await context.close();
});

test("what is copied for curl and the SDK follows the run when it is pasted, and holds no token", async () => {
  const { run_id: runId } = await server.api.createRun({ name: "shared" });
  await server.api.add(runId, [{ type: "run.started", payload: {} }, consoleLine("hello from the run")]);
  await server.api.complete(runId);
  const { page, context } = await visit(browser, administrator, {
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await page.goto(`${server.server.url}/runs/${runId}`);
  await button(page, "Share and more").click();
  await button(page, "Copy for curl").click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  expect(command).not.toContain(server.api.token);
  const { stdout } = await promisify(execFile)("sh", ["-c", command], {
    env: { ...process.env, RUNCAST_TOKEN: server.api.token },
  });
  expect(stdout).toBe("hello from the run\n");

  await button(page, "Copy for JavaScript").click();
  const folder = await mkdtemp(join(tmpdir(), "runcast-share-"));
  await writeFile(join(folder, "watch.mjs"), await page.evaluate(() => navigator.clipboard.readText()));
  const sdk = await fetch(`${server.server.url}/runcast-sdk-node.mjs`);
  await writeFile(join(folder, "runcast-sdk-node.mjs"), await sdk.text());
  const watched = await promisify(execFile)(process.execPath, ["watch.mjs"], {
    cwd: folder,
    env: { ...process.env, RUNCAST_TOKEN: server.api.token },
  });
  await rm(folder, { recursive: true });
  expect(watched.stdout).toContain("hello from the run\n");

  await button(page, "Copy the badge's Markdown").click();
  const markdown = await page.evaluate(() => navigator.clipboard.readText());
  const badge = await fetch(/\]\(([^)\s]+)\)\]/.exec(markdown)?.[1] ?? "");
  expect([badge.status, badge.headers.get("content-type")]).toEqual([200, expect.stringContaining("image/svg+xml")]);
  await context.close();
});

test("deleting names what goes, and is offered to administrators only", async () => {
  const { run_id: runId } = await server.api.createRun({ name: "to be deleted" });
  await server.api.add(runId, [{ type: "run.started", payload: {} }, consoleLine("x")]);
  await server.api.complete(runId);
  const viewer = await visit(browser, { url: server.server.url, token: server.viewToken });
  await viewer.page.goto(`${server.server.url}/runs/${runId}`);
  await button(viewer.page, "Share and more").click();
  await viewer.page.getByText("Follow it elsewhere").waitFor();
  expect(await button(viewer.page, /Delete|Edit|Pin|Cancel/).count()).toBe(0);
  await viewer.page.keyboard.press("Escape");

  const { page, context } = await visit(browser, administrator);
  await page.goto(`${server.server.url}/runs/${runId}`);
  await button(page, "Share and more").click();
  await button(page, /Delete run/).click();
  await page.getByText("its log: 4 events").waitFor();
  // What is safe has the focus.
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Keep it");
  await page.keyboard.press("Enter");
  expect((await server.api.run(runId)).name).toBe("to be deleted");
  await button(page, "Share and more").click();
  await button(page, /Delete run/).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete run" }).click();
  await page.waitForURL("**/w/default");
  await page.getByText("“to be deleted” was deleted").waitFor();
  expect((await server.api.ask("GET", `/api/runs/${runId}`)).status).toBe(404);
  await Promise.all([context.close(), viewer.context.close()]);
});

test("the counts on the tabs follow the lines, and end as the server's summary", async () => {
  const { run_id: runId } = await server.api.createRun({ name: "counted" });
  await server.api.add(runId, [{ type: "run.started", payload: {} }]);
  const { page, context } = await visit(browser, administrator);
  let asked = 0;
  page.on("request", (request) => (asked += Number(request.url().endsWith("/summary"))));
  await page.goto(`${server.server.url}/runs/${runId}`);
  await page.getByText("live", { exact: true }).waitFor();
  const counts = (): Promise<string[]> => page.getByRole("tab").allInnerTexts();
  for (let n = 1; n <= 5; n += 1) {
    await server.api.add(runId, [
      { type: "step.started", step: `s${n}`, payload: { name: `Step ${n}` } },
      { type: "metric.recorded", payload: { name: `m${n % 2}`, value: n } },
      { type: "run.validation.issue", payload: { severity: "warning", code: `C${n}`, message: "m" } },
      { type: "step.completed", step: `s${n}`, payload: { status: "succeeded" } },
    ]);
    await sleep(30);
  }
  await waitUntil("the counts are there", async () =>
    (await counts()).join(" ").replaceAll(/\s/g, "").includes("Issues5"),
  );
  expect((await counts()).map((text) => text.replaceAll(/\s/g, ""))).toEqual([
    "Console22",
    "Steps5",
    "Metrics2",
    "Issues5",
    "Artifacts",
    "Summary",
  ]);
  expect(asked).toBe(1);
  // Each tab has its address, and arrow keys go from one to the next.
  await page.getByRole("tab", { name: /Steps/ }).click();
  await page.waitForURL(`**/runs/${runId}?view=steps`);
  await page.keyboard.press("ArrowRight");
  await page.waitForURL(`**/runs/${runId}?view=metrics`);
  await page.keyboard.press("4");
  await page.getByRole("link", { name: "Line 5", exact: true }).click();
  await page.waitForURL(`**/runs/${runId}#L5`);
  await page.locator(".row.target[data-sequence='5']").waitFor();
  await context.close();
});

test("with motion reduced too a run opens at its end, and keeps to it", async () => {
  const { run_id: runId } = await server.api.createRun({ name: "still" });
  await server.api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: 300 }, (_, n) => consoleLine(`line ${n}`)),
  ]);
  const { page, context } = await visit(browser, administrator, { reducedMotion: "reduce" });
  await page.goto(`${server.server.url}/runs/${runId}`);
  const isInView = (text: string): Promise<boolean> =>
    page.evaluate((wanted) => {
      const row = [...document.querySelectorAll("[role=log] .row")].find((one) => one.textContent?.includes(wanted));
      const box = document.querySelector("[role=log]")?.getBoundingClientRect();
      const at = row?.getBoundingClientRect();
      return box !== undefined && at !== undefined && at.top >= box.top && at.bottom <= box.bottom + 1;
    }, text);
  await waitUntil("the end is in view", () => isInView("line 299"));
  await server.api.add(runId, [consoleLine("one more")]);
  await waitUntil("the new end is in view", () => isInView("one more"));
  await context.close();
});

test("an event is shown as it is stored, digit for digit", async () => {
  const { run_id: runId } = await server.api.createRun({ name: "exact" });
  await server.api.append(
    runId,
    '{"type":"sensor.read","payload":{"value":12345678901234567890.10,"markup":"<img src=x onerror=alert(1)>"}}\n',
  );
  const { page, context, errors } = await visit(browser, administrator, {
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await page.goto(`${server.server.url}/runs/${runId}#L3`);
  await page.locator(".row.target").waitFor();
  await page.keyboard.press("e");
  const shown = await page.getByLabel("JSON of event 3").innerText();
  expect(shown).toContain('"value": 12345678901234567890.1');
  expect(shown).toContain('"<img src=x onerror=alert(1)>"');
  await button(page, "Copy the event").click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe((await server.api.lines(runId))[2]);
  await page.keyboard.press("Escape");
  expect(await page.getByLabel("JSON of event 3").count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});

test("a filter is in the address, and asks the server for what it says", async () => {
  for (const [name, labels] of [
    ["wanted", { env: "prod" }],
    ["unwanted", { env: "test" }],
  ] as const)
    await server.api.createRun({ name, labels, workflow_id: "filtered" });
  const { page, context } = await visit(browser, administrator);
  await page.getByLabel("Workflow").selectOption("filtered");
  await page.getByLabel("Label, as key:value").fill("env:prod");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/w/default?label=env%3Aprod&workflow=filtered");
  await page.getByRole("link", { name: "unwanted" }).waitFor({ state: "detached" });
  expect(await page.getByRole("list", { name: "Runs" }).getByRole("link").allInnerTexts()).toEqual(["wanted"]);
  // One that matches comes in by itself; one that does not, stays out.
  await server.api.createRun({ name: "unwanted too", labels: { env: "test" }, workflow_id: "filtered" });
  await server.api.createRun({ name: "wanted too", labels: { env: "prod" }, workflow_id: "filtered" });
  await page.getByRole("link", { name: "wanted too", exact: true }).waitFor();
  expect(await page.getByRole("link", { name: "unwanted" }).count()).toBe(0);
  await button(page, "No longer only env:prod").click();
  await page.getByRole("link", { name: "unwanted too" }).waitFor();
  await context.close();
});

test("the first page asks for less than 100 KB of script, compressed as browsers are sent it", async () => {
  const { page, context } = await visit(browser, administrator);
  const scripts = new Set<string>();
  page.on("request", (request) => {
    if (request.resourceType() === "script") scripts.add(request.url());
  });
  await page.goto(`${server.server.url}/w/default`, { waitUntil: "networkidle" });
  let bytes = 0;
  for (const url of scripts) bytes += brotliCompressSync(await (await fetch(url)).text()).length;
  expect(scripts.size).toBeGreaterThan(5);
  expect(bytes).toBeLessThan(100 * 1024);
  await context.close();
});
