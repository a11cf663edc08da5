import type { Browser } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { Api } from "./api.ts";
import { launchBrowser, visit, type Visit } from "./browser.ts";
import { removeServers, startServer, type ServerProcess } from "./server-process.ts";

/** A browser, a server and its API, one of each for a file's tests. Those that end their server have their own. */
export type BrowserScene = {
  readonly browser: Browser;
  readonly server: ServerProcess;
  readonly api: Api;
  /** A page that is signed in as the operator. */
  visit: (options?: Parameters<typeof visit>[2]) => Promise<Visit>;
};

export function browserScene(): BrowserScene {
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
  return {
    get browser() {
      return browser;
    },
    get server() {
      return server;
    },
    get api() {
      return api;
    },
    visit: (options) => visit(browser, server, options),
  };
}
