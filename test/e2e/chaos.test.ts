import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Api } from "../support/api.ts";
import { launchBrowser, visit, waitForHead } from "../support/browser.ts";
import { NumberedProducer } from "../support/numbered-producer.ts";
import { expectAcknowledged } from "../support/read-every-way.ts";
import { startRecordingProxy, type RecordingProxy } from "../support/recording-proxy.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";
import { waitUntil } from "../support/wait-until.ts";

/**
 * Pages that are left open while all kinds of things happen to them. Each hashes what it receives; in the end that must be the hash of the
 * stored log, as the server finds it when it reads every line again, and as it is downloaded. RUNCAST_LONG=1: twenty times as much of it.
 */
const IS_LONG = process.env["RUNCAST_LONG"] === "1";
const ROUNDS = IS_LONG ? 20 : 1;
const SEED = Number(process.env["RUNCAST_SEED"] ?? 20_261_121);

let browser: Browser;
let server: ServerProcess;
const proxies: RecordingProxy[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await removeServers();
});

type Tab = { name: string; page: Page; context: BrowserContext; errors: string[]; proxy: RecordingProxy };

async function openTab(name: string, proxy: RecordingProxy, runId: string): Promise<Tab> {
  const { page, context, errors } = await visit(browser, { url: proxy.url, token: server.token });
  await page.goto(`${proxy.url}/runs/${runId}`);
  await page.locator("[role=log] .row").first().waitFor();
  return { name, page, context, errors, proxy };
}

/** The same tab's neighbour: one session, another page. */
async function openBeside(tab: Tab, name: string, runId: string): Promise<Tab> {
  const page = await tab.context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`${tab.proxy.url}/runs/${runId}`);
  await page.locator("[role=log] .row").first().waitFor();
  return { ...tab, name, page, errors };
}

/** As a browser does with a tab nobody looks at: no timer, no frame, no message is handled. */
async function freeze(tab: Tab, isFrozen: boolean): Promise<void> {
  const debug = await tab.context.newCDPSession(tab.page);
  await debug.send("Page.setWebLifecycleState", { state: isFrozen ? "frozen" : "active" });
  await debug.detach();
}

/** At five places of the log the console shows what is stored: each line once, in its place. What is hashed is what came, not what is shown. */
async function expectShown({ name, page }: Tab, lines: string[]): Promise<void> {
  const log = page.locator("[role=log]");
  const stored = lines.map((line) => JSON.parse(line));
  for (const at of [0, 0.25, 0.5, 0.75, 1]) {
    await log.evaluate((element, part) => (element.scrollTop = element.scrollHeight * part), at);
    const wanted = Math.round(1 + at * (lines.length - 1));
    let rows: { sequence: number; text: string | null }[] = [];
    await waitUntil(`tab ${name} shows line ${wanted} of ${lines.length}`, async () => {
      rows = await log.locator(".row").evaluateAll((all) =>
        all.map((row) => ({
          sequence: Number(row.getAttribute("data-sequence")),
          text: row.querySelector(".text")?.textContent ?? null,
        })),
      );
      const isHere = (await log.locator(".waiting").count()) === 0;
      return isHere && rows.some(({ sequence }) => Math.abs(sequence - wanted) < 30);
    });
    const first = rows[0]?.sequence ?? 0;
    expect(rows.map(({ sequence }) => sequence)).toEqual(rows.map((_, index) => first + index));
    for (const { sequence, text } of rows) {
      const { type, payload } = stored[sequence - 1];
      if (type === "console.line") expect(text).toBe(payload.message);
    }
  }
}

const ATTACKS: Record<string, (tabs: { a: Tab; b: Tab; asleep: Tab }) => Promise<void>> = {
  "the server is killed": async () => {
    await server.killGroup();
    server = await server.restart();
  },
  "every connection of two tabs is cut": async ({ a }) => {
    a.proxy.cut();
    await sleep(300);
    a.proxy.cut();
  },
  "the network takes everything and brings nothing": async ({ a }) => {
    a.proxy.hold(true);
    await sleep(3_000);
    a.proxy.hold(false);
  },
  "a hidden tab is frozen while the server is killed": async ({ b }) => {
    await freeze(b, true);
    await server.killGroup();
    server = await server.restart();
    await sleep(1_500);
    await freeze(b, false);
  },
  "a machine sleeps for an hour": async ({ asleep }) => {
    await freeze(asleep, true);
    // What stands between has long forgotten the connection, and told nobody.
    asleep.proxy.hold(true);
    await sleep(2_000);
    asleep.proxy.cut();
    asleep.proxy.hold(false);
    await freeze(asleep, false);
    await asleep.page.clock.fastForward("01:00:00");
  },
  "a clock goes back": async ({ asleep }) => {
    await asleep.page.clock.setSystemTime(Date.now() - 86_400_000);
  },
  "a newer server takes over": async ({ a }) => {
    await server.stop();
    // What is newer is what it says of itself; `deploy.test.ts` builds another one.
    await a.context.route("**/api/health", (route) =>
      route.fulfill({ json: { status: "ok", version: "99.0.0+another" } }),
    );
    server = await server.restart();
    await a.page.getByText("A newer Runcast is here").waitFor();
  },
};

test(
  "pages left open through kills, cuts, silence, sleep, frozen tabs and a new server end with the whole log, by their own hash",
  { timeout: (IS_LONG ? 30 : 4) * 60_000 },
  async () => {
    for (let n = 0; n < 2; n += 1) proxies.push(await startRecordingProxy());
    const [near, far] = proxies;
    if (near === undefined || far === undefined) throw new Error("there are two proxies");
    const hosts = proxies.map(({ url }) => new URL(url).host).join(",");
    server = await startServer({ environment: { RUNCAST_HOSTS: hosts } });
    for (const proxy of proxies) proxy.leadTo(server.url);
    const api = new Api(server.url, server.token);
    const { run_id: runId } = await api.createRun({ name: "left open" });

    const producer = new NumberedProducer(api, runId, "p");
    await producer.deliver(10);
    const a = await openTab("a", near, runId);
    const asleep = await openTab("asleep", far, runId);
    await asleep.page.clock.install();
    await asleep.page.reload();
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) {
        await producer.deliver(8, IS_LONG ? "" : "y".repeat(400));
        await sleep(IS_LONG ? 150 : 60);
      }
    })();
    const b = await openBeside(a, "b", runId);
    const tabs = { a, b, asleep };

    const order = Object.entries(ATTACKS);
    for (let round = 0; round < ROUNDS; round += 1) {
      const first = (SEED + round) % order.length;
      for (const [what, attack] of [...order.slice(first), ...order.slice(0, first)]) {
        const before = (await api.run(runId)).last_sequence;
        await attack(tabs);
        // Each goes on by itself, without anything being asked of it.
        for (const { name, page } of Object.values(tabs)) {
          await waitForHead(page, before + 1, 60_000).catch((cause: unknown) => {
            throw new Error(`tab ${name} did not go on after: ${what}`, { cause });
          });
        }
      }
    }
    isWriting = false;
    await writing;
    await producer.deliverEvents([{ type: "run.completed", payload: { status: "succeeded" } }]);

    const log = await (
      await fetch(`${server.url}/api/runs/${runId}/events`, {
        headers: { authorization: `Bearer ${server.token}` },
      })
    ).text();
    const lines = log.trimEnd().split("\n");
    // But for the end, which is no output.
    expectAcknowledged(lines, producer.acknowledged.slice(0, -1));
    const sha256 = createHash("sha256").update(log).digest("hex");
    expect((await api.ask("POST", `/api/runs/${runId}/verify`)).json()).toMatchObject({
      complete: true,
      events: lines.length,
      sha256,
    });
    for (const tab of Object.values(tabs)) {
      const { page, errors } = tab;
      // Only a page whose own hash is the stored one says so.
      await page.locator(`.seal.complete[data-sha256="${sha256}"]`).waitFor({ timeout: 60_000 });
      await expectShown(tab, lines);
      await page.getByRole("button", { name: /^complete/ }).click();
      await page.getByText(/This page received all .* events and hashed each/).waitFor();
      expect(errors).toEqual([]);
    }
    await Promise.all([a.context.close(), asleep.context.close()]);
  },
);
