import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { trafficAt } from "./heed-socket.ts";

/** A real Chromium: `npm test` says in CHROMIUM_PATH which one it found. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
  // Tests run as root in containers, where Chromium's sandbox cannot.
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

export type Visit = { page: Page; context: BrowserContext; errors: string[]; requested: Set<string> };

/** A signed-in page. `errors`: what the page itself got wrong; `requested`: every origin it asked. */
export async function visit(
  browser: Browser,
  server: { url: string; token: string },
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  const requested = new Set<string>();
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && message.text().includes("Content Security Policy")) errors.push(message.text());
  });
  page.on("websocket", (socket) => {
    const traffic = trafficAt(socket.url());
    socket.on("framereceived", ({ payload }) => traffic.says(payload));
    socket.on("framesent", ({ payload }) => traffic.hears(String(payload)));
  });
  page.on("request", (request) => requested.add(new URL(request.url()).origin));
  await page.goto(`${server.url}/sign-in#token=${server.token}`);
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
  return { page, context, errors, requested };
}

/** The console's rows on screen: number and text. */
export async function visibleRows(page: Page): Promise<string[]> {
  return page.locator("[role=log] .row").allInnerTexts();
}

/** Waits until the console knows of `sequence` events. */
export async function waitForHead(page: Page, sequence: number, timeoutMs = 30_000): Promise<void> {
  await page.waitForFunction(
    (wanted) => Number(document.querySelector("[role=log]")?.getAttribute("data-head") ?? 0) >= wanted,
    sequence,
    { timeout: timeoutMs },
  );
}
