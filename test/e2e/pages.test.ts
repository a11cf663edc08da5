import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findOverflow, findViolations } from "../support/accessibility.ts";
import { launchBrowser, visit } from "../support/browser.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { makeRunsInEveryState, type RunsInEveryState } from "../support/runs-in-every-state.ts";
import { ROOT } from "../support/server-process.ts";

/**
 * Every page in every state it has, as real runs on a real server bring it about, in both themes, on a desk and in a hand. Pictures of all of
 * them are left in `test-results/pages`, to be looked at.
 */
let browser: Browser;
let server: InspectedServer;
/** A second one, without a run, that may be cut off. */
let emptyServer: InspectedServer;
let runs: RunsInEveryState;

const PICTURES = join(ROOT, "test-results/pages");
const DESK = { width: 1440, height: 900 };
const HAND = { width: 390, height: 844 };

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await launchBrowser();
  server = await startInspectedServer();
  emptyServer = await startInspectedServer();
  runs = await makeRunsInEveryState(server);
});
afterAll(async () => {
  await browser.close();
  await Promise.all([server.remove(), emptyServer.remove()]);
});

type Who = "administrator" | "viewer" | "stranger";
type State = {
  name: string;
  who?: Who;
  on?: () => InspectedServer;
  /** Brings the page into the state, and answers when it is there. */
  open: (page: Page, url: string) => Promise<unknown>;
};

const run = (state: keyof RunsInEveryState, search = ""): string => `/runs/${runs[state]}${search}`;
const opened =
  (path: () => string, shows: string | RegExp) =>
  async (page: Page, url: string): Promise<void> => {
    await page.goto(url + path());
    await page.getByText(shows).first().waitFor();
  };
const press = (page: Page, name: string | RegExp): Promise<void> => page.getByRole("button", { name }).first().click();

const STATES: State[] = [
  { name: "sign-in", who: "stranger", open: opened(() => "/sign-in", "Sign in to Runcast") },
  {
    name: "sign-in-refused",
    who: "stranger",
    open: async (page, url) => {
      await page.goto(`${url}/sign-in`);
      await page.getByLabel("Token").fill("not-a-token");
      await press(page, "Sign in");
      await page.getByText("does not know that token").waitFor();
    },
  },
  { name: "runs", open: opened(() => "/w/default", "train resnet") },
  { name: "runs-viewer", who: "viewer", open: opened(() => "/w/default", "train resnet") },
  { name: "runs-filtered", open: opened(() => "/w/default?label=region:eu&since=24h&workflow=etl", "nightly etl") },
  {
    name: "runs-filters-open",
    open: async (page, url) => {
      await page.setViewportSize(HAND);
      await opened(() => "/w/default?severity=error", "nightly etl")(page, url);
      await press(page, /Filters/);
    },
  },
  { name: "runs-none-matches", open: opened(() => "/w/default?status=failed&q=nothing", "No run matches") },
  { name: "runs-first", on: () => emptyServer, open: opened(() => "/w/default", "Nothing has run here yet") },
  { name: "runs-no-workspace", open: opened(() => "/w/nowhere", "No such workspace") },
  {
    name: "runs-loading",
    open: async (page, url) => {
      // The network holds the answer back; the server is not asked to do anything special.
      await page.route("**/api/workspaces/*/runs?*", () => undefined);
      await page.goto(`${url}/w/default`);
      await page.getByText("Loading the runs").waitFor({ state: "attached" });
    },
  },
  {
    name: "runs-unreachable",
    open: async (page, url) => {
      await page.route("**/api/workspaces/*/runs?*", (route) => route.abort());
      await page.goto(`${url}/w/default`);
      await page.getByText("The server does not answer").waitFor();
    },
  },
  {
    name: "runs-reconnecting",
    open: async (page, url) => {
      const cut = await cuttable(page);
      await opened(() => "/w/default", "train resnet")(page, url);
      await page.getByText("live", { exact: true }).waitFor();
      await cut();
      await page.getByText("reconnecting").first().waitFor();
    },
  },
  {
    name: "runs-keys",
    open: async (page, url) => {
      await opened(() => "/w/default", "train resnet")(page, url);
      await page.keyboard.press("?");
      await page.getByRole("heading", { name: "Keys" }).waitFor();
    },
  },
  { name: "docs", who: "stranger", open: opened(() => "/docs", "Events") },
  { name: "docs-at-a-frame", open: opened(() => "/docs#live-presence", "presence") },
  { name: "not-found", open: opened(() => "/nowhere", "Nothing is here") },
  { name: "run-not-found", open: opened(() => "/runs/0193d000-0000-7000-8000-000000000000", "No such run") },
  {
    name: "run-loading",
    open: async (page, url) => {
      await page.route(`**/api/runs/${runs.bare}`, () => undefined);
      await page.goto(url + run("bare"));
      await page.getByLabel("Loading the run").waitFor();
    },
  },
  { name: "run-queued", open: opened(() => run("queued"), "no producer has begun yet") },
  { name: "run-building", open: opened(() => run("building"), "no image for this commit") },
  { name: "run-running", open: opened(() => run("running"), "step 199") },
  { name: "run-viewer", who: "viewer", open: opened(() => run("running"), "step 199") },
  { name: "run-succeeded", open: opened(() => run("succeeded"), /complete/) },
  { name: "run-failed", open: opened(() => run("failed"), "COMPILE_ERROR") },
  { name: "run-cancelled", open: opened(() => run("cancelled"), /wrong year/) },
  { name: "run-stale", open: opened(() => run("stale"), /not been heard of since/) },
  { name: "run-degraded", open: opened(() => run("degraded"), /cannot keep up\. Every/) },
  { name: "run-incomplete", open: opened(() => run("incomplete"), /The stored log of this run is missing/) },
  { name: "run-damaged", open: opened(() => run("damaged"), /cannot be read \(events 9 to 10 are marked below\)/) },
  {
    name: "run-sealed",
    open: async (page, url) => {
      await opened(() => run("succeeded"), "sha256")(page, url);
      await press(page, /^complete/);
      await press(page, "Verify");
      await page.getByText(/The stored log was verified just now, and is signed with the key/).waitFor();
    },
  },
  {
    name: "run-verified-damaged",
    open: async (page, url) => {
      await opened(() => run("damaged"), /cannot be read/)(page, url);
      await press(page, /^damaged/);
      await press(page, "Verify");
      await page.getByText(/was verified and is not whole: events 9 to 10 are/).waitFor();
    },
  },
  {
    name: "run-ended",
    open: async (page, url) => {
      await opened(() => run("long"), "document 6499")(page, url);
      await press(page, "ended · 6,503 events");
      await page.getByText("This page has read only as much").waitFor();
    },
  },
  { name: "run-progress-lines", open: opened(() => run("parts"), "epoch 9 of 10") },
  {
    name: "run-palette",
    open: async (page, url) => {
      await opened(() => run("running", "#L40"), "step 35")(page, url);
      await page.keyboard.press("Control+k");
      await page
        .getByRole("option", { name: /nightly etl/ })
        .first()
        .waitFor();
    },
  },
  {
    name: "runs-palette",
    open: async (page, url) => {
      await opened(() => "/w/default", "train resnet")(page, url);
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "A run, a line or a command" }).fill("etl");
      await page
        .getByRole("option", { name: /nightly etl/ })
        .first()
        .waitFor();
    },
  },
  {
    name: "run-reconnecting",
    open: async (page, url) => {
      const cut = await cuttable(page);
      await opened(() => run("running"), "step 199")(page, url);
      await page.getByText("live", { exact: true }).waitFor();
      await cut();
      await page.getByText("reconnecting").first().waitFor();
    },
  },
  { name: "run-steps", open: opened(() => run("succeeded", "?view=steps"), "customers.csv") },
  { name: "run-steps-running", open: opened(() => run("running", "?view=steps"), "Load data") },
  { name: "run-steps-none", open: opened(() => run("bare", "?view=steps"), "No steps") },
  { name: "run-metrics", open: opened(() => run("succeeded", "?view=metrics"), "rows per second") },
  { name: "run-metrics-none", open: opened(() => run("bare", "?view=metrics"), "No metrics") },
  { name: "run-issues", open: opened(() => run("succeeded", "?view=issues"), "name a customer that does not exist") },
  { name: "run-issues-none", open: opened(() => run("bare", "?view=issues"), "No issues") },
  {
    name: "run-artifacts",
    open: async (page, url) => {
      await opened(() => run("succeeded", "?view=artifacts"), "report.txt")(page, url);
      await press(page, "Show report.txt");
      await press(page, "Show chart.png");
      await page.getByText("48,113").waitFor();
      await page.waitForFunction(() => [...document.images].some((image) => image.naturalWidth > 0));
    },
  },
  { name: "run-artifacts-none", open: opened(() => run("bare", "?view=artifacts"), "No artifacts") },
  { name: "run-summary", open: opened(() => run("succeeded", "?view=summary"), "full_refresh") },
  {
    name: "run-marked-lines",
    open: async (page, url) => {
      await opened(() => run("failed", "#L4-L6"), "COMPILE_ERROR")(page, url);
      await page.getByRole("toolbar", { name: "Lines 4 – 6" }).waitFor();
    },
  },
  {
    name: "run-search",
    open: async (page, url) => {
      await opened(() => run("succeeded"), "complete")(page, url);
      await press(page, "Search");
      await page.getByRole("textbox", { name: "Search the whole log" }).fill("e");
      await page
        .getByRole("search")
        .getByText(/lines$/)
        .waitFor();
      await page.keyboard.press("Enter");
      await page.locator(".row.found").waitFor();
    },
  },
  {
    name: "run-search-refused",
    open: async (page, url) => {
      await opened(() => run("succeeded"), "complete")(page, url);
      await press(page, "Search");
      await page.getByRole("textbox", { name: "Search the whole log" }).fill("(");
      await press(page, "Regular expression");
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "run-wrapped-with-times",
    open: async (page, url) => {
      await opened(() => run("long"), /complete|ended/)(page, url);
      await press(page, "Wrap");
      await page.getByLabel("Times").selectOption("relative");
      await page.locator(".time").first().waitFor();
    },
  },
  {
    name: "run-event",
    open: async (page, url) => {
      await opened(() => run("failed"), "COMPILE_ERROR")(page, url);
      await page.locator("[role=log] .gutter").nth(3).click();
      await page.locator(".row.target").waitFor();
      await page.keyboard.press("e");
      await page.getByLabel(/^JSON of event/).waitFor();
    },
  },
  {
    name: "run-share",
    open: async (page, url) => {
      await opened(() => run("succeeded"), /complete/)(page, url);
      await press(page, "Share and more");
      await page.getByText("Preview link").waitFor();
    },
  },
  {
    name: "run-edit",
    open: async (page, url) => {
      await opened(() => run("succeeded"), /complete/)(page, url);
      await press(page, "Edit name and labels");
      await page.waitForFunction(() => document.querySelector("textarea")?.value.includes("region: eu") === true);
    },
  },
  {
    name: "run-cancel",
    open: async (page, url) => {
      await opened(() => run("running"), "step 199")(page, url);
      await press(page, "Cancel");
      await page.getByText("Its producer is asked").waitFor();
    },
  },
  {
    name: "run-delete",
    open: async (page, url) => {
      await opened(() => run("succeeded"), /complete/)(page, url);
      await press(page, "Share and more");
      await press(page, /Delete run/);
      await page.getByText(/its artifacts: 3 files/).waitFor();
    },
  },
];

/** Until what is drawn is drawn in that theme, everywhere. */
async function settle(page: Page, colorScheme: "light" | "dark"): Promise<void> {
  await page.waitForFunction((scheme) => matchMedia(`(prefers-color-scheme: ${scheme})`).matches, colorScheme);
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 50)))),
  );
}

/** Answers with what cuts the page's sockets, as a proxy does that is restarted, and keeps new ones from coming up. */
async function cuttable(page: Page): Promise<() => Promise<void>> {
  let isCut = false;
  const sockets: { close: (options: { code: number }) => Promise<void> }[] = [];
  await page.routeWebSocket(/\/live/, (socket) => {
    if (isCut) return void socket.close({ code: 1001 });
    socket.connectToServer();
    sockets.push(socket);
  });
  return async () => {
    isCut = true;
    await Promise.all(sockets.map((socket) => socket.close({ code: 1001 })));
  };
}

describe("no page, in no state, theme or width, has an accessibility violation or is wider than its window", () => {
  test.each(STATES)("$name", async ({ name, who = "administrator", on = () => server, open }) => {
    const at = on();
    const token = { administrator: at.api.token, viewer: at.viewToken, stranger: null }[who];
    const { page, context, errors } =
      token === null
        ? await visitAsStranger()
        : await visit(browser, { url: at.server.url, token }, { reducedMotion: "reduce" });
    await open(page, at.server.url);
    const found: string[] = [];
    for (const [place, size] of [
      ["desk", DESK],
      ["hand", HAND],
    ] as const) {
      await page.setViewportSize(size);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await settle(page, colorScheme);
        await page.screenshot({ path: join(PICTURES, `${name}-${place}-${colorScheme}.png`) });
        for (const problem of [
          ...(await findViolations(page, colorScheme === "light" ? "all" : "colours")),
          ...(await findOverflow(page)),
        ])
          found.push(`${place}, ${colorScheme}: ${problem}`);
      }
    }
    expect(found).toEqual([]);
    expect(errors).toEqual([]);
    await context.close();
  });

  async function visitAsStranger(): ReturnType<typeof visit> {
    const context = await browser.newContext({ viewport: DESK, reducedMotion: "reduce" });
    return { page: await context.newPage(), context, errors: [], requested: new Set() };
  }
});
