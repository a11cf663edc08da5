import { expect, test } from "vitest";
import { contractOf } from "../support/api.ts";
import { browserScene } from "../support/browser-scene.ts";

const scene = browserScene();

test("the contract's page is open to a stranger, shows every route and frame, and asks nobody else for anything", async () => {
  const { openapi, asyncapi } = await contractOf(scene.server.url);
  const context = await scene.browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const faults: string[] = [];
  const origins = new Set<string>();
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("request", (request) => origins.add(new URL(request.url()).origin));

  await page.goto(`${scene.server.url}/docs`);
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
  expect([...origins]).toEqual([scene.server.url]);
  await context.close();
});

test("on a phone nothing is wider than the screen, and an address with an anchor opens there", async () => {
  const context = await scene.browser.newContext({ viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  await page.goto(`${scene.server.url}/docs#live-presence`);
  await page.locator("#live-presence").waitFor();
  await page.waitForFunction(() => {
    const { top = 1e9 } = document.querySelector("#live-presence")?.getBoundingClientRect() ?? {};
    return top >= 0 && top < innerHeight;
  });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await context.close();
});
