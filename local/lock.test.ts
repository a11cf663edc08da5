import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockStateFolder, type Lock } from "./lock.ts";
import { openStateFolder, type StateFolder } from "./state-folder.ts";

let folder: StateFolder;
beforeEach(() => {
  folder = openStateFolder(mkdtempSync(join(tmpdir(), "runcast-lock-")));
});
afterEach(() => rmSync(folder.path, { recursive: true }));

async function lockOrFail(): Promise<Lock> {
  const result = await lockStateFolder(folder);
  if (result.kind !== "locked") throw new Error(`in use by ${result.pid}`);
  return result.lock;
}

/** Another process that holds the lock until it is killed. */
async function holdElsewhere(): Promise<{ pid: number; kill(): Promise<void> }> {
  const script = `
    import { lockStateFolder } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};
    import { openStateFolder } from ${JSON.stringify(join(import.meta.dirname, "state-folder.ts"))};
    const { lock } = await lockStateFolder(openStateFolder(${JSON.stringify(folder.path)}));
    lock.announce("http://127.0.0.1:1");
    console.log("held");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  const gone = once(child, "exit");
  return {
    pid: child.pid ?? 0,
    kill: async () => {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

describe("a state folder", () => {
  test("is locked by one server, and free again once that has stopped", async () => {
    const lock = await lockOrFail();
    expect((await lockStateFolder(folder)).kind).toBe("in-use");
    lock.release();
    (await lockOrFail()).release();
  });

  test("in use says where the other server answers", async () => {
    const other = await holdElsewhere();
    expect(await lockStateFolder(folder)).toEqual({ kind: "in-use", url: "http://127.0.0.1:1", pid: other.pid });
    await other.kill();
  });

  test("whose server was killed is free at once, whatever files it left", async () => {
    const other = await holdElsewhere();
    await other.kill();
    expect(existsSync(folder.serving)).toBe(true);
    (await lockOrFail()).release();
  });
});

describe("a process id left in the folder", () => {
  /** Elsewhere than on Linux a process is known by its command line alone. */
  const startSleeper = (name: string, environment: Record<string, string>) => {
    const child = spawn("sleep", ["60"], { argv0: name, env: { ...process.env, ...environment }, stdio: "ignore" });
    writeFileSync(
      folder.workerdPid,
      `${child.pid}
`,
    );
    return child;
  };

  test("is ended when it is the runtime this folder's server started", async () => {
    const orphan = startSleeper("workerd serve", { RUNCAST_WORKERD_PID_FILE: folder.workerdPid });
    const gone = once(orphan, "exit");
    const lock = await lockOrFail();
    expect(await gone).toEqual([null, "SIGKILL"]);
    lock.release();
  });

  test("is left alone when it has since become another process", async () => {
    const stranger = startSleeper("sleep", {});
    const lock = await lockOrFail();
    expect(stranger.exitCode).toBeNull();
    expect(stranger.signalCode).toBeNull();
    lock.release();
    stranger.kill();
  });
});
