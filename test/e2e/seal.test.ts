import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { consoleLine } from "../support/api.ts";
import { browserScene } from "../support/browser-scene.ts";
import { visit } from "../support/browser.ts";

/** What stands under a finished log is what this very page has proved, and no more. */
const scene = browserScene();

async function makeEnded(lines: number): Promise<{ runId: string; sha256: string }> {
  const { run_id: runId } = await scene.api.createRun({ name: "sealed" });
  await scene.api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: lines }, (_, n) => consoleLine(`record ${n} – ünïcode 😀`)),
  ]);
  await scene.api.complete(runId);
  const text = (await scene.api.read(runId)).text;
  return { runId, sha256: createHash("sha256").update(text).digest("hex") };
}

test("a page that received every line says so with the hash of the download; who opened late is told no more than the end, and may verify", async () => {
  const short = await makeEnded(300);
  const { page, context, errors } = await visit(scene.browser, {
    url: scene.server.url,
    token: scene.server.viewToken,
  });
  await page.goto(`${scene.server.url}/runs/${short.runId}`);
  await page.locator(`.seal.complete[data-sha256="${short.sha256}"]`).waitFor();
  await page.getByText(`complete · 303 events · sha256 ${short.sha256.slice(0, 4)}…`).waitFor();
  expect(await page.getByText(/verified/).count()).toBe(0);

  const long = await makeEnded(6_500);
  await page.goto(`${scene.server.url}/runs/${long.runId}`);
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
  const { page, context } = await scene.visit();
  await page.routeWebSocket(/\/live/, (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((message) => socket.send(String(message).replace("record 7 ", "record 8 ")));
  });
  await page.goto(`${scene.server.url}/runs/${runId}`);
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
  expect((await scene.api.ask("POST", `/api/runs/${runId}/verify`)).json()).toMatchObject({ complete: true, sha256 });
  await context.close();
});
