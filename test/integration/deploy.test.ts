import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ROOT } from "../support/server-process.ts";

type Account = {
  loggedIn: boolean;
  calls: string[];
  databases: { uuid: string; name: string }[];
  resources: string[];
  secrets: string[];
  deployments: {
    config: string;
    version: string;
    secret: string | null;
    secretsMode: number | null;
    secretsFile: string | null;
  }[];
};

const EMPTY: Account = { loggedIn: true, calls: [], databases: [], resources: [], secrets: [], deployments: [] };
const REAL_WRANGLER = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
/** Of whoever deploys from this clone; put back as it was. */
const CONFIG = join(ROOT, "wrangler.deploy.toml");
/** Every step starts wrangler, which takes seconds to load, more on a busy machine. */
const DEPLOYMENTS_MS = 300_000;
let folder: string;
let kept: string | null;
beforeEach(() => {
  kept = existsSync(CONFIG) ? readFileSync(CONFIG, "utf8") : null;
  folder = mkdtempSync(join(tmpdir(), "runcast-deploy-test-"));
  write(EMPTY);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  if (kept === null) rmSync(CONFIG, { force: true });
  else writeFileSync(CONFIG, kept);
});

const write = (account: Account) => writeFileSync(join(folder, "account.json"), JSON.stringify(account));
const read = (): Account => JSON.parse(readFileSync(join(folder, "account.json"), "utf8"));

async function program(path: string, args: string[], environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [path, ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", NO_COLOR: "1", ...environment },
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: Number(code), stdout, stderr };
}

const deploy = (args: string[] = [], environment: NodeJS.ProcessEnv = {}) =>
  program(join(ROOT, "deploy/deploy.ts"), args, {
    RUNCAST_WRANGLER: join(ROOT, "test/support/account-wrangler.mjs"),
    REAL_WRANGLER,
    ACCOUNT_FILE: join(folder, "account.json"),
    ACCOUNT_D1: join(folder, "d1"),
    RUNCAST_TOKEN: "",
    RUNCAST_VIEW_TOKEN: "",
    ...environment,
  });

/** What the database of the account holds, asked with the real wrangler. */
async function tokenRows(): Promise<{ id: string; role: string; hash: string }[]> {
  const { stdout } = await program(REAL_WRANGLER, [
    "d1",
    "execute",
    "runcast",
    "--local",
    "--config",
    CONFIG,
    "--persist-to",
    join(folder, "d1"),
    "--json",
    "--command",
    "SELECT id, role, hash FROM tokens ORDER BY id",
  ]);
  return JSON.parse(stdout)[0].results;
}
const sha256 = (token: string) => createHash("sha256").update(token).digest("hex");

test("without a login: what to do, and nothing was touched", async () => {
  write({ ...EMPTY, loggedIn: false });
  const { code, stderr } = await deploy();
  expect(code).toBe(1);
  expect(stderr).toContain("npx wrangler login");
  expect(read().calls).toEqual(["whoami --json"]);
});

test(
  "an empty account gets everything; a second deployment changes nothing but the Worker",
  async () => {
    const first = await deploy();
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining("Creating the database runcast")]);
    const account = read();
    expect(account.databases).toEqual([{ uuid: "uuid-of-runcast", name: "runcast" }]);
    expect(account.resources).toContain("r2 runcast-archive");

    const [deployment] = account.deployments;
    expect(deployment?.config).toContain('database_id = "uuid-of-runcast"');
    expect(deployment?.config).toContain("workers_dev = true");
    expect(deployment?.version).toMatch(/^VERSION:\d+\.\d+\.\d+\+[0-9a-f]{8}$/);
    expect(deployment?.secret).toMatch(/^[\w-]{43}$/);
    expect(deployment?.secretsMode).toBe(0o600);
    expect(existsSync(deployment?.secretsFile ?? "")).toBe(false);

    // The tokens are told once; the account gets their hashes alone, and the rows are those that a Worker looks for.
    const tokens = Object.fromEntries(
      [...first.stdout.matchAll(/The (\w+)'s token, shown only now +(rc_[\w-]{43})/g)].map(
        ([, role = "", token = ""]) => [role, token],
      ),
    );
    expect(await tokenRows()).toEqual([
      { id: "administrator", role: "administrator", hash: sha256(tokens["administrator"] ?? "") },
      { id: "viewer", role: "viewer", hash: sha256(tokens["viewer"] ?? "") },
    ]);
    expect(JSON.stringify(account)).not.toMatch(/rc_[\w-]{43}/);

    const rows = await tokenRows();
    const second = await deploy([], { RUNCAST_TOKEN: "a-token-of-my-own-1" });
    expect(second.code).toBe(0);
    expect(second.stdout).not.toContain("a-token-of-my-own-1");
    const after = read();
    expect(after.databases).toEqual(account.databases);
    expect(after.resources).toEqual(account.resources);
    expect(after.deployments[1]?.secret).toBeNull();
    expect(await tokenRows()).toEqual([{ ...rows[0], hash: sha256("a-token-of-my-own-1") }, rows[1]]);
  },
  DEPLOYMENTS_MS,
);

test("a step that fails ends it there, with what wrangler said", async () => {
  // A database of that name that the migrations cannot be applied to: the folder is a file.
  writeFileSync(join(folder, "d1"), "");
  const { code, stderr } = await deploy();
  expect(code).toBe(1);
  expect(stderr).toContain("The migration of D1 failed (wrangler d1 migrations apply)");
  expect(read().deployments).toEqual([]);
});
