import { createHash } from "node:crypto";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Api, consoleLine } from "../support/api.ts";
import { launchBrowser, visit } from "../support/browser.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";

/** What stands under a finished log is what this very page has proved, and no more. */
let browser: Browser;
let server: ServerProcess;
let api: Api;

beforeAll(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startServer()]);
  api = new Api(server.url, server.token);
});
afterAll(async () => {
  await browser.close();
  await removeServers();
});

async function makeEnded(lines: number): Promise<{ runId: string; sha256: string }> {
  const { run_id: runId } = await api.createRun({ name: "sealed" });
  await api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: lines }, (_, n) => consoleLine(`record ${n} – ünïcode 😀`)),
  ]);
  await api.complete(runId);
  const text = (await api.read(runId)).text;
  return { runId, sha256: createHash("sha256").update(text).digest("hex") };
}

test("a page that received every line says so with the hash of the download; who opened late is told no more than the end, and may verify", async () => {
  const short = await makeEnded(300);
  const { page, context, errors } = await visit(browser, { url: server.url, token: server.viewToken });
  await page.goto(`${server.url}/runs/${short.runId}`);
  await page.locator(`.seal.complete[data-sha256="${short.sha256}"]`).waitFor();
  await page.getByText(`complete · 303 events · sha256 ${short.sha256.slice(0, 4)}…`).waitFor();
  expect(await page.getByText(/verified/).count()).toBe(0);

  const long = await makeEnded(6_500);
  await page.goto(`${server.url}/runs/${long.runId}`);
  await page.getByRole("button", { name: "ended · 6,503 events" }).click();
  expect(await page.getByText(/complete ·/).count()).toBe(0);
  await page.getByText("This page has read only as much of the log as was looked at.").waitFor();
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.getByText(/The stored log was verified just now/).waitFor();
  await page.getByText(`complete · 6,503 events · sha256 ${long.sha256.slice(0, 4)}… · verified just now`).waitFor();
  await page.locator(`.seal.complete[data-sha256="${long.sha256}"]`).waitFor();
  await page.getByText("The server has read all 6,503 stored events again").waitFor();
  // Nothing of it is remembered: what was whole then may not be now.
  await page.reload();
  await page.getByRole("button", { name: "ended · 6,503 events" }).waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("a line that was changed on its way here breaks the seal", async () => {
  const { runId, sha256 } = await makeEnded(50);
  const { page, context } = await visit(browser, server);
  await page.routeWebSocket(/\/live/, (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((message) => socket.send(String(message).replace("record 7 ", "record 8 ")));
  });
  await page.goto(`${server.url}/runs/${runId}`);
  await page.getByRole("button", { name: "not as stored" }).click();
  await page.getByText(/their hashes differ/).waitFor();
  expect(await page.getByText(/complete ·/).count()).toBe(0);
  // A verification finds the stored log whole: it is this page that has another.
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page
    .getByText(/checked just now/)
    .first()
    .waitFor();
  expect(await page.locator(".seal.complete").count()).toBe(0);
  expect((await api.ask("POST", `/api/runs/${runId}/verify`)).json()).toMatchObject({ complete: true, sha256 });
  await context.close();
});
