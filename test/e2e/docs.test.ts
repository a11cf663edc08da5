import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { contractOf } from "../support/api.ts";
import { launchBrowser } from "../support/browser.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";

let browser: Browser;
let server: ServerProcess;

beforeAll(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startServer()]);
});
afterAll(async () => {
  await browser.close();
  await removeServers();
});

test("the contract's page is open to a stranger, shows every route and frame, and asks nobody else for anything", async () => {
  const { openapi, asyncapi } = await contractOf(server.url);
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const faults: string[] = [];
  const origins = new Set<string>();
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("request", (request) => origins.add(new URL(request.url()).origin));

  await page.goto(`${server.url}/docs`);
  await page.getByRole("heading", { name: "Events", exact: true }).waitFor();
  const operations = Object.values(openapi.paths).flatMap((item) => Object.values(item));
  for (const { operationId } of operations) expect(await page.locator(`section#${operationId}`).count()).toBe(1);
  for (const [socket, { messages }] of Object.entries(asyncapi.channels)) {
    for (const name of Object.keys(messages)) expect(await page.locator(`#${socket}-${name}`).count()).toBe(1);
  }
  await page.locator("#getRunEvents").getByText("last-event-id").waitFor();
  await page.locator("#getRunEvents").getByText("RANGE_NOT_SATISFIABLE").waitFor();
  await page.getByLabel("An example of caught_up").getByText('"op":"caught_up"').waitFor();
  expect(faults).toEqual([]);
  expect([...origins]).toEqual([server.url]);
  await context.close();
});

test("on a phone nothing is wider than the screen, and an address with an anchor opens there", async () => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  await page.goto(`${server.url}/docs#live-presence`);
  await page.locator("#live-presence").waitFor();
  await page.waitForFunction(() => {
    const { top = 1e9 } = document.querySelector("#live-presence")?.getBoundingClientRect() ?? {};
    return top >= 0 && top < innerHeight;
  });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await context.close();
});
