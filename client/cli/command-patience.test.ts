import { expect, test, vi } from "vitest";
import { spoolScene } from "../testing/command-scene.ts";
import type { RefusedHere } from "../testing/memory-server.ts";

/** The commands that somebody waits for, at a server that is busy or away: a little patience, words, and an end. */

const scene = spoolScene();
const { env, printed, resume, runcast } = scene;
const asked = (route: string) => scene.server.askedAt.get(route)?.length ?? 0;
const refuseFirst = (...refusals: RefusedHere[]) => {
  scene.server.refusalOf = (_route, before) => refusals[before] ?? null;
};

test("a busy server is asked again, and that is said once", async () => {
  refuseFirst({ status: 503 }, "cut", { status: 429, retryAfter: "1" });
  const { code, stderr, stdout } = await scene.commandLine.run(["list"], env());
  expect(stderr.match(/trying again/g)).toHaveLength(1);
  expect(stderr).toContain(`${scene.server.url} answers 503`);
  expect([code, stdout]).toEqual([0, ""]);
  expect(asked("GET /api/workspaces/default/runs")).toBe(4);
});

test("who does not get an answer is told in time, and why", async () => {
  scene.server.refusalOf = () => ({ status: 503 });
  const begunAt = performance.now();
  const { runId } = scene.server.addRun();
  const words = [["list"], ["tail", runId], ["verify", runId]];
  for (const { code, stderr } of await Promise.all(words.map((one) => scene.commandLine.run(one, env())))) {
    expect(code).toBe(1);
    expect(stderr).toContain("the server answered 503");
  }
  expect(performance.now() - begunAt).toBeLessThan(15_000);
  for (const route of ["GET /api/workspaces/default/runs", "GET /api/runs/:id", "POST /api/runs/:id/verify"]) {
    expect(asked(route)).toBeGreaterThan(2);
    expect(asked(route)).toBeLessThan(40);
  }
}, 30_000);

test("tail that does not follow ends when the server does not come back; one that follows goes on", async () => {
  const { runId } = scene.server.addRun();
  scene.server.refusalOf = (route) => (route.endsWith("/live") || route.endsWith("/events") ? { status: 503 } : null);
  const following = scene.commandLine.start(["tail", runId], env());
  const { code, stderr } = await scene.commandLine.run(["tail", "--no-follow", runId], env());
  expect(code).toBe(1);
  expect(stderr).toContain("trying again …");
  expect(stderr).toContain(`${scene.server.url} has not come back`);
  scene.server.refusalOf = () => null;
  await vi.waitFor(() => expect(following.stderr).toContain("connected again."), 20_000);
  following.process.kill("SIGINT");
  expect(await following.finished).toMatchObject({ code: 130 });
}, 40_000);

test("resume keeps what a server does not take now, and says what it answers", async () => {
  await scene.server.down();
  await runcast(["run", "--", "echo", "one"]);
  await scene.server.listen();
  scene.server.refusalOf = (route) => (route.endsWith("/events") ? { status: 429, retryAfter: "60" } : null);
  const refused = await resume();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("429");
  expect(asked("POST /api/runs/:id/events")).toBe(1);
  scene.server.refusalOf = () => null;
  expect((await resume()).code).toBe(0);
  expect(printed()).toEqual(["one"]);
}, 60_000);
