import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ApiSocket } from "../support/api-socket.ts";
import { launchBrowser, visit } from "../support/browser.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { ROOT } from "../support/server-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher } from "../support/watcher.ts";

/** A producer's process is stopped by a signal, goes on, and is killed: what the page, the list and every socket are told of it, live. */
let browser: Browser;
let server: InspectedServer;
let producer: ChildProcess | null = null;
beforeAll(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startInspectedServer()]);
});
afterEach(async () => {
  if (producer === null || producer.exitCode !== null || producer.signalCode !== null) return;
  producer.kill("SIGKILL");
  await once(producer, "exit");
});
afterAll(async () => {
  await browser.close();
  await server.remove();
});

const STEP = { timeout: 30_000 };

test("[LEASE3] a silent producer is told on the page, in the list and to sockets, its return as well, and at last the end", async () => {
  const { api, server: serving } = server;
  const { run_id: runId } = await api.createRun({ name: "sync", lease_seconds: 10, end_after_seconds: 3 });
  const script = join(ROOT, "test/support/steady-producer.ts");
  producer = spawn(process.execPath, [script, api.url, api.token, runId], { stdio: "inherit" });
  const watcher = new Watcher(api, runId);
  const workspace = new ApiSocket(api, "/api/workspaces/default/live", { subprotocols: ["runcast.workspace.v1"] });
  const { page, context, errors } = await visit(browser, { url: serving.url, token: api.token });
  const list = await context.newPage();
  await list.goto(`${serving.url}/w/default`);
  await page.goto(`${serving.url}/runs/${runId}`);
  const row = list.locator(`[data-row="${runId}"]`);
  const shows = (text: string | RegExp) => page.getByText(text).first().waitFor(STEP);
  const isGone = (text: string | RegExp) =>
    page
      .getByText(text)
      .first()
      .waitFor({ state: "hidden", ...STEP });
  const hears = async (type: string): Promise<Record<string, unknown>> => {
    const find = () => watcher.lines.map((line) => JSON.parse(line)).find((event) => event.type === type);
    await waitUntil(`the watcher is told of ${type}`, () => find() !== undefined);
    return find().payload;
  };
  const isTold = (what: string, wanted: object) =>
    workspace.frame(what, ({ op, run }) => {
      if (op !== "run") return false;
      const facts = run as Record<string, unknown>;
      return facts["run_id"] === runId && Object.entries(wanted).every(([name, value]) => facts[name] === value);
    });
  await shows("beat 3");
  await row.getByText("running").first().waitFor(STEP);

  producer.kill("SIGSTOP");
  const stoppedAt = Date.now();
  await shows("producer silent");
  // The whole lease, and not much more.
  expect(Date.now() - stoppedAt).toBeGreaterThan(8_000);
  expect(Date.now() - stoppedAt).toBeLessThan(20_000);
  await shows(/The producer has not been heard of since .* what it sent is safe; it may come back/);
  await shows("The producer has gone silent. The run stays open; it may come back.");
  await row.getByText("silent").waitFor(STEP);
  expect(await hears("producer.lost")).toMatchObject({ last_sequence: expect.any(Number) });
  await isTold("that it is silent", { stale: true, status: "running" });

  workspace.frames.length = 0;
  producer.kill("SIGCONT");
  await shows("The producer is back.");
  await isGone("producer silent");
  await isGone(/The producer has not been heard of/);
  await row.getByText("running").first().waitFor(STEP);
  await hears("producer.returned");
  await isTold("that it is back", { stale: false, status: "running" });

  producer.kill("SIGKILL");
  await shows("PRODUCER_LOST");
  await row.getByText("failed").first().waitFor(STEP);
  await isTold("that it has ended", { status: "failed" });
  await waitUntil("the watcher is told of the end", () => watcher.control("end") !== undefined);
  expect(watcher.control("end")).toMatchObject({ status: "failed" });
  // No line twice and none missing, by the page's own hash.
  await page.locator(".seal.complete").waitFor(STEP);
  expect(watcher.lines.map((line) => JSON.parse(line).type).filter((type) => type.startsWith("producer."))).toEqual([
    "producer.lost",
    "producer.returned",
    "producer.lost",
  ]);
  expect(errors).toEqual([]);
  workspace.close();
  await context.close();
});
