import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Api } from "../support/api.ts";
import { launchBrowser, visit, waitForHead } from "../support/browser.ts";
import { makeNewerRelease } from "../support/newer-release.ts";
import { NumberedProducer } from "../support/numbered-producer.ts";
import { removeServers, startServer } from "../support/server-process.ts";

/** A later release takes over under open pages: another build at the same address, and what the old pages had not loaded yet is gone. */
let browser: Browser;
const newer = makeNewerRelease();
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await removeServers();
  rmSync(newer.folder, { recursive: true });
});

/** Of the release that this page was loaded from. */
const releaseOf = (page: Page) => page.locator("html").getAttribute("data-release");
const OFFER = "A newer Runcast is here";

test("pages of the release before go on live and offer to be reloaded; what they can no longer load is the newer release's; nothing is lost", async () => {
  const before = await startServer();
  const api = new Api(before.url, before.token);
  const { run_id: runId } = await api.createRun({ name: "deployed under" });
  const producer = new NumberedProducer(api, runId, "p");
  await producer.deliver(10);
  const { page: stays, context, errors } = await visit(browser, before);
  // Signed in alike, and with nothing in their caches but what the run's page needs.
  const storageState = await context.storageState();
  const leaves = await (await browser.newContext({ storageState })).newPage();
  const stranded = await (await browser.newContext({ storageState })).newPage();
  const pages = [stays, leaves, stranded];
  for (const page of pages) {
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`${before.url}/runs/${runId}`);
    await waitForHead(page, 11);
    await page.evaluate(() => Object.assign(window, { isOldPage: true }));
  }
  const isOld = (page: Page) => page.evaluate(() => "isOldPage" in window);

  await producer.deliver(10);
  await before.stop();
  const { data, home } = before;
  const after = await startServer({ data, home, port: Number(new URL(before.url).port), script: newer.script });
  expect(after.url).toBe(before.url);
  expect(await (await fetch(`${after.url}/api/health`)).json()).toMatchObject({
    version: expect.stringMatching(/^99\.0\.0\+/),
  });
  // They go on by themselves, live, without a reload, and offer one.
  await producer.deliver(10);
  for (const page of pages) {
    await waitForHead(page, 31);
    await page.getByText(OFFER).waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    expect(await isOld(page)).toBe(true);
  }

  // Where one goes on to a page that was not loaded yet, its scripts are gone, and the newer release's page comes.
  const missing: string[] = [];
  leaves.on("response", (response) => {
    if (response.status() === 404) missing.push(new URL(response.url()).pathname);
  });
  await leaves.getByRole("link", { name: "Runcast" }).first().click();
  await leaves.locator(`[data-row="${runId}"]`).waitFor();
  expect([await isOld(leaves), await releaseOf(leaves)]).toEqual([false, newer.version]);
  expect(missing).toContainEqual(expect.stringMatching(/^\/_app\/immutable\/nodes\/.*\.js$/));
  await leaves.locator(`[data-run="${runId}"]`).click();
  await waitForHead(leaves, 31);

  // The same while the server is away: no dead end, and a way on when it is back.
  await stranded.route(/\/_app\//, (route) => route.abort());
  await stranded.getByRole("link", { name: "Runcast" }).first().click();
  await stranded.getByRole("heading", { name: "The page failed" }).waitFor();
  await stranded.unroute(/\/_app\//);
  await stranded.getByRole("button", { name: "Reload" }).last().click();
  await stranded.locator(`[data-row="${runId}"]`).waitFor();
  expect(await releaseOf(stranded)).toBe(newer.version);

  await stays.getByRole("button", { name: "Reload" }).click();
  await waitForHead(stays, 31);
  expect([await isOld(stays), await releaseOf(stays)]).toEqual([false, newer.version]);
  await producer.deliverEvents([{ type: "run.completed", payload: { status: "succeeded" } }]);
  const headers = { authorization: `Bearer ${after.token}` };
  const log = await (await fetch(`${after.url}/api/runs/${runId}/events`, { headers })).text();
  const sha256 = createHash("sha256").update(log).digest("hex");
  for (const page of [stays, leaves]) await page.locator(`.seal.complete[data-sha256="${sha256}"]`).waitFor();
  expect(await stays.getByText(OFFER).count()).toBe(0);
  expect(errors).toEqual([]);
  for (const page of pages) await page.context().close();
});
