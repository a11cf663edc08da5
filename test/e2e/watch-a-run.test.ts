import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { launchBrowser, visibleRows, visit, waitForHead } from "../support/browser.ts";
import { runcast } from "../support/command-line.ts";
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

/** Prints `count` numbered lines, one every `pauseMs`. */
const counting = (count: number, pauseMs: number): string[] => [
  process.execPath,
  "-e",
  `let n = 0; const t = setInterval(() => { console.log("tick " + ++n); if (n === ${count}) clearInterval(t); }, ${pauseMs});`,
];

async function logOf(runId: string): Promise<string[]> {
  const response = await fetch(`${server.url}/api/runs/${runId}/events`, {
    headers: { authorization: `Bearer ${server.token}` },
  });
  return (await response.text()).trimEnd().split("\n");
}

test("[E2E1] a real command arrives line by line, survives a reload, ends, and is read again after a restart", async () => {
  const { page, errors, requested, context } = await visit(browser, server);
  await page
    .getByText(/runcast run/)
    .first()
    .waitFor();

  const command = runcast(server, ["run", "--name", "ticking", "--", ...counting(40, 100)]);
  const runId = await command.runId;
  // The list turns into the run as soon as it arrives.
  await page.getByText("ticking").first().click();
  await page.waitForURL(`**/runs/${runId}*`);
  await page.locator("[role=log] .row", { hasText: "tick 3" }).first().waitFor();
  const early = Number(await page.locator("[role=log]").getAttribute("data-head"));
  expect(early).toBeLessThan(42);

  await page.reload();
  await page.locator("[role=log] .row", { hasText: "tick 40" }).first().waitFor();
  expect(await command.exited).toBe(0);
  await page.getByText("succeeded").first().waitFor();
  await page
    .getByText(/complete · 43 events/)
    .first()
    .waitFor();
  const before = await logOf(runId);
  expect(before.filter((line) => line.includes('"console.line"')).length).toBe(40);

  await server.stop();
  server = await server.restart();
  await page.goto(`${server.url}/runs/${runId}`);
  await waitForHead(page, 43);
  await page
    .getByText(/complete · 43 events/)
    .first()
    .waitFor();
  expect((await visibleRows(page)).some((row) => row.includes("tick 40"))).toBe(true);
  expect(await logOf(runId)).toEqual(before);
  expect(errors).toEqual([]);
  expect([...requested]).toEqual([server.url]);
  await context.close();
});

test("[E2E2] a page left open goes on by itself after kill -9 of the server and ends complete", async () => {
  const command = runcast(server, ["run", "--name", "killed", "--", ...counting(60, 150)]);
  const runId = await command.runId;
  const { page, context, errors } = await visit(browser, server);
  await page.goto(`${server.url}/runs/${runId}`);
  await page.locator("[role=log] .row", { hasText: "tick 5" }).first().waitFor();
  await server.killGroup();
  server = await server.restart();

  expect(await command.exited).toBe(0);
  await page
    .getByText(/complete · 63 events/)
    .first()
    .waitFor({ timeout: 60_000 });
  await page.locator("[role=log] .row", { hasText: "tick 60" }).first().waitFor();
  const lines = await logOf(runId);
  expect(lines.map((line) => (JSON.parse(line) as { sequence: number }).sequence)).toEqual(
    Array.from({ length: 63 }, (_, at) => at + 1),
  );
  const ticks = lines.flatMap((line) => /"tick (\d+)"/.exec(line)?.[1] ?? []);
  expect(ticks).toEqual(Array.from({ length: 60 }, (_, at) => String(at + 1)));
  expect(errors).toEqual([]);
  await context.close();
});

test("[E2E3] 100,000 lines scroll with fewer than 2,000 nodes, and hostile text stays text", async () => {
  const hostile = `<img src=x onerror="document.title='owned'"><script>document.title="owned"</script>`;
  const script = `for (let n = 1; n <= 100000; n++) console.log(n === 50000 ? process.argv[1] : "\\u001b[32mline\\u001b[0m " + n);`;
  const command = runcast(server, ["run", "--name", "many", "--", process.execPath, "-e", script, hostile]);
  const runId = await command.runId;
  expect(await command.exited).toBe(0);
  const { page, context, errors } = await visit(browser, server);
  await page.goto(`${server.url}/runs/${runId}`);
  await waitForHead(page, 100_003, 60_000);
  const log = page.locator("[role=log]");
  // Line 50,000 of the output is event 50,002: run.queued and run.started come before it.
  for (const [position, text] of [
    [0, "line 1"],
    [0.25, null],
    [1, "line 100000"],
  ] as const) {
    await log.evaluate((element, at) => (element.scrollTop = element.scrollHeight * at), position);
    if (text !== null)
      await page
        .locator("[role=log] .row", { hasText: new RegExp(`${text}$`, "m") })
        .first()
        .waitFor();
    expect(await page.evaluate(() => document.querySelectorAll("*").length)).toBeLessThan(2_000);
  }
  await page.goto(`${server.url}/runs/${runId}#L50002`);
  await page.locator("[role=log] .row", { hasText: "<img src=x" }).first().waitFor();
  expect(await page.title()).not.toBe("owned");
  expect(errors).toEqual([]);
  await context.close();
});

test("[E2E4] cancel asks first, reaches the command, and the run ends cancelled", async () => {
  const command = runcast(server, ["run", "--name", "endless", "--", ...counting(100_000, 100)]);
  const runId = await command.runId;
  const { page, context } = await visit(browser, server);
  await page.goto(`${server.url}/runs/${runId}`);
  await page.locator("[role=log] .row", { hasText: "tick 2" }).first().waitFor();
  await page
    .getByRole("button", { name: /^cancel/i })
    .first()
    .click();
  await page
    .getByRole("button", { name: /cancel (the )?run/i })
    .last()
    .click();
  await page.getByText("cancelled").first().waitFor({ timeout: 30_000 });
  expect(await command.exited).not.toBe(0);
  await context.close();
});

test("[E2E5] a viewer watches and is offered nothing that changes a run", async () => {
  const command = runcast(server, ["run", "--name", "looked at", "--", ...counting(60, 100)]);
  const runId = await command.runId;
  const { page, context } = await visit(browser, { url: server.url, token: server.viewToken });
  await page.goto(`${server.url}/runs/${runId}`);
  await page.locator("[role=log] .row", { hasText: "tick 3" }).first().waitFor();
  expect(await page.getByRole("button", { name: /cancel/i }).count()).toBe(0);
  expect(await command.exited).toBe(0);
  await context.close();
});
