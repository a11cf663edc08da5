import { readFileSync } from "node:fs";
import { createServer, request as forward, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Api } from "../support/api.ts";
import { launchBrowser, visit } from "../support/browser.ts";
import { removeServers, ROOT, startServer, type ServerProcess } from "../support/server-process.ts";

let server: ServerProcess;
let api: Api;
let browser: Browser;
let front: Server;

beforeAll(async () => {
  // Whatever the port: the proxy has one of its own.
  server = await startServer({ environment: { RUNCAST_HOSTS: "127.0.0.1" } });
  api = new Api(server.url, server.token);
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  front.closeAllConnections();
  front.close();
  await removeServers();
});

/** What stands before Runcast: a page of the user's own, and everything else from Runcast; WebSockets too, unless they are blocked. */
async function putInFront(page: string, blocksSockets: () => boolean): Promise<string> {
  const target = new URL(server.url);
  front = createServer((incoming, answer) => {
    if (incoming.url?.startsWith("/page.html") === true) {
      answer.writeHead(200, { "content-type": "text/html" }).end(page);
      return;
    }
    const options = { method: incoming.method ?? "GET", headers: incoming.headers };
    const asked = forward(new URL(incoming.url ?? "/", target), options, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    asked.on("error", () => answer.destroy());
    answer.on("close", () => asked.destroy());
    incoming.pipe(asked);
  });
  front.on("upgrade", (request, socket, head) => {
    if (blocksSockets()) return void socket.destroy();
    const upstream = connect(Number(target.port), target.hostname, () => {
      const fields = request.rawHeaders.flatMap((name, index, all) =>
        index % 2 === 0 ? [`${name}: ${all[index + 1]}`] : [],
      );
      upstream.write(`${request.method} ${request.url} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [upstream, socket]) end.on("error", () => void (upstream.destroy(), socket.destroy()));
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  // The only address a TCP server has.
  return `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
}

test("the page of docs/sdk.md watches with the session of who signed in, with WebSockets and without", async () => {
  const markdown = readFileSync(join(ROOT, "docs/sdk.md"), "utf8");
  const page = /```html\n<!-- page\.html -->\n([\s\S]*?)```/.exec(markdown)?.[1];
  if (page === undefined) throw new Error("docs/sdk.md has no page");
  let blocked = false;
  const url = await putInFront(page, () => blocked);
  const visited = await visit(browser, { url, token: server.viewToken });
  for (const block of [false, true]) {
    blocked = block;
    const { run_id: runId } = await api.createRun();
    await api.append(runId, "<b>one</b>\n");
    const transports: string[] = [];
    visited.page.on("websocket", () => transports.push("websocket"));
    visited.page.on("request", (request) => {
      if (request.url().includes("/events")) transports.push("sse");
    });
    await visited.page.goto(`${url}/page.html?run=${runId}`);
    await visited.page.waitForFunction(() => document.querySelector("#log")?.textContent === "<b>one</b>\n");
    await api.append(runId, 'two\n{"type":"run.completed","payload":{"status":"succeeded"}}\n');
    await visited.page.waitForFunction(
      () => document.querySelector("#log")?.textContent === "<b>one</b>\ntwo\nsucceeded",
    );
    expect(transports.at(-1)).toBe(block ? "sse" : "websocket");
  }
  expect(visited.errors).toEqual([]);
  await visited.context.close();
});
