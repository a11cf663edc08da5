import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import type { Run } from "../protocol/api.ts";
import { LIMITS } from "../protocol/limits.ts";
import { call, listen, ORIGIN, seedTokens } from "../test/workerd/api.ts";
import { EXPIRES_AT_HEADER, PRINCIPAL_HEADER } from "../worker/env.ts";
import { runObject, workspaceObject } from "../worker/objects.ts";

beforeAll(seedTokens);

const UPGRADE = { upgrade: "websocket" };
/** As the Worker hands a socket over. */
const handedOver = (path: string): Request =>
  new Request(`https://object${path}`, {
    headers: {
      ...UPGRADE,
      [PRINCIPAL_HEADER]: encodeURIComponent(JSON.stringify({ id: "viewer", name: "the viewer", role: "viewer" })),
      [EXPIRES_AT_HEADER]: "",
    },
  });

test.each(["run", "workspace"])(
  "[SOC8] a %s takes so many watchers and no more; when one leaves another may come",
  async (kind) => {
    const created = await call("POST", "/api/workspaces/default/runs", { as: "operator", json: {} });
    const { run_id } = await created.json<Run>();
    const path = kind === "run" ? `/api/runs/${run_id}/live` : "/api/workspaces/default/live";
    const object = kind === "run" ? runObject(env, run_id) : workspaceObject(env, "default");
    const sockets = [];
    for (let at = 0; at < LIMITS.watchersPerRun; at += 1)
      sockets.push(listen(await object.fetch(handedOver(path)), path));
    const program = await call("GET", path, { as: "viewer", headers: UPGRADE });
    expect([program.status, program.headers.get("retry-after"), await program.json()]).toMatchObject([
      429,
      "1",
      { code: "TOO_MANY_WATCHERS" },
    ]);
    const page = await call("GET", path, { as: "viewer", headers: { ...UPGRADE, origin: ORIGIN } });
    expect((await listen(page).closed).code).toBe(4429);
    const [first] = sockets;
    first?.socket.close(1000, "");
    await first?.closed;
    const next = listen(await call("GET", path, { as: "viewer", headers: UPGRADE }));
    next.socket.close(1000, "");
    for (const { socket } of sockets) socket.close(1000, "");
  },
);
