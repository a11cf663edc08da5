// `npm run deploy`: everything from a fresh account to a served address; may be repeated, and then updates. docs/deploy.md tells each step.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build, readWorkerOptions } from "../local/build.ts";
import { ROOT } from "../local/state-folder.ts";
import { newToken, storeTokenSql, TOKEN_ROLES, type TokenRole } from "./tokens.ts";
import { DeployError, mustRun, wrangler } from "./wrangler.ts";

const SOURCE_CONFIG = "wrangler.toml";
/** wrangler.toml with what belongs to one account filled in; beside it, because its paths are relative. Not in the repository. */
const DEPLOY_CONFIG = "wrangler.deploy.toml";
/** What an unpaid account may upload, compressed. */
const UPLOAD_LIMIT_KIB = 3 * 1024;

const { values: options } = parseArgs({
  options: {
    "dry-run": { type: "boolean", default: false },
    "new-tokens": { type: "boolean", default: false },
    domain: { type: "string" },
  },
});

try {
  await build();
  await (options["dry-run"] ? dryRun() : deploy());
} catch (error) {
  if (!(error instanceof DeployError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

/** Bundles and checks as a deployment does, without an account, and says how much would be uploaded. */
async function dryRun(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "runcast-deploy-"));
  try {
    const { stdout } = await mustRun("The dry run", [
      "deploy",
      "--dry-run",
      "--config",
      SOURCE_CONFIG,
      "--outdir",
      folder,
    ]);
    const [, whole, compressed] = /Total Upload: ([\d.]+) KiB \/ gzip: ([\d.]+) KiB/.exec(stdout) ?? [];
    if (compressed === undefined) throw new DeployError(`wrangler did not say how large the Worker is:\n${stdout}`);
    console.log(`the API Worker: ${whole} KiB, ${compressed} KiB compressed`);
    if (Number(compressed) > UPLOAD_LIMIT_KIB) throw new DeployError(`More than ${UPLOAD_LIMIT_KIB} KiB is refused.`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function deploy(): Promise<void> {
  await checkLogin();
  const { config, names } = await readNames();
  const databaseId = await findOrCreateDatabase(names.database);
  await createIfMissing("bucket", names.bucket, ["r2", "bucket", "info"], ["r2", "bucket", "create"]);
  for (const queue of names.queues) {
    await createIfMissing("queue", queue, ["queues", "info"], ["queues", "create"]);
  }
  writeFileSync(join(ROOT, DEPLOY_CONFIG), fillIn(config, databaseId));

  say("Applying the migrations of D1 …");
  await mustRun("The migration of D1", database("migrations", "apply", names.database));
  const tokens = await storeTokens(names.database);
  await upload(names.worker);

  console.log("");
  for (const { role, token } of tokens) console.log(`  The ${role}'s token, shown only now   ${token}`);
  if (tokens.length === 0)
    console.log("  The tokens are those of before; `npm run deploy -- --new-tokens` makes new ones.");
}

async function checkLogin(): Promise<void> {
  const { code } = await wrangler(["whoami", "--json"]);
  if (code === 0) return;
  throw new DeployError(
    "Not signed in to Cloudflare. Either of these does it:\n" +
      "  npx wrangler login\n" +
      "  CLOUDFLARE_API_TOKEN=… CLOUDFLARE_ACCOUNT_ID=… npm run deploy   (docs/deploy.md says what the token must be allowed)",
  );
}

type Names = { worker: string; database: string; bucket: string; queues: string[] };

async function readNames(): Promise<{ config: string; names: Names }> {
  const { unstable_readConfig: readConfig } = await import("wrangler");
  const read = readConfig({ config: join(ROOT, SOURCE_CONFIG) });
  const [database] = read.d1_databases;
  const [bucket] = read.r2_buckets;
  if (read.name === undefined || database?.database_name === undefined || bucket?.bucket_name === undefined) {
    throw new DeployError(`${SOURCE_CONFIG} names no Worker, D1 database or R2 bucket.`);
  }
  const queues = (read.queues.producers ?? []).map(({ queue }: { queue: string }) => queue);
  return {
    config: readFileSync(join(ROOT, SOURCE_CONFIG), "utf8"),
    names: { worker: read.name, database: database.database_name, bucket: bucket.bucket_name, queues },
  };
}

async function findOrCreateDatabase(name: string): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const { stdout } = await mustRun("Listing the databases", ["d1", "list", "--json"]);
    const databases: { uuid: string; name: string }[] = JSON.parse(stdout);
    return databases.find((one) => one.name === name)?.uuid;
  };
  const known = await find();
  if (known !== undefined) return known;
  say(`Creating the database ${name} …`);
  await mustRun("Creating the database", ["d1", "create", name]);
  const created = await find();
  if (created === undefined) throw new DeployError(`The database ${name} was created, but is not in the list.`);
  return created;
}

async function createIfMissing(what: string, name: string, ask: string[], create: string[]): Promise<void> {
  if ((await wrangler([...ask, name])).code === 0) return;
  say(`Creating the ${what} ${name} …`);
  // Had the question failed for another reason, this fails for the same, and says it.
  await mustRun(`Creating the ${what}`, [...create, name]);
}

/** The configuration of this account: which database, and the address to serve at. */
function fillIn(config: string, databaseId: string): string {
  const filled = config
    .replace(/^database_id = ".*"$/m, `database_id = "${databaseId}"`)
    .replace(/^workers_dev = .*$/m, `workers_dev = ${options.domain === undefined}`);
  if (!filled.includes(`database_id = "${databaseId}"`)) throw new DeployError(`${SOURCE_CONFIG} has no database_id.`);
  return filled;
}

function database(...command: string[]): string[] {
  return ["d1", ...command, "--remote", "--config", DEPLOY_CONFIG];
}

/** Makes the tokens that are not there yet, or all when asked to; a token of the environment is taken as it is. */
async function storeTokens(name: string): Promise<{ role: TokenRole; token: string }[]> {
  const query = ["--json", "--command", "SELECT id FROM tokens"];
  const { stdout } = await mustRun("Reading the tokens", [...database("execute", name), ...query]);
  const answered: { results: { id: string }[] }[] = JSON.parse(stdout);
  const known = new Set(answered.flatMap(({ results }) => results.map(({ id }) => id)));
  const given = { administrator: process.env.RUNCAST_TOKEN, viewer: process.env.RUNCAST_VIEW_TOKEN };
  const wanted = TOKEN_ROLES.filter((role) => !known.has(role) || given[role] || options["new-tokens"]);
  const tokens = wanted.map((role) => ({ role, token: given[role] || newToken() }));
  if (tokens.length === 0) return [];
  const sql = tokens.map(({ role, token }) => storeTokenSql(role, token)).join("; ");
  await mustRun("Storing the tokens' hashes", [...database("execute", name), "--yes", "--command", sql]);
  // What the environment brought, its owner has.
  return tokens.filter(({ role }) => !given[role]);
}

/** The Worker, its pages and, the first time, its secret, in one deployment. */
async function upload(worker: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "runcast-deploy-"));
  try {
    const secrets = join(folder, "secrets.json");
    const isNew = process.env.RUNCAST_SECRET !== undefined || !(await hasSecret(worker));
    if (isNew) {
      const secret = process.env.RUNCAST_SECRET || randomBytes(32).toString("base64url");
      writeFileSync(secrets, JSON.stringify({ RUNCAST_SECRET: secret }), { mode: 0o600 });
    }
    say("Uploading …");
    await mustRun(
      "The upload",
      [
        "deploy",
        "--config",
        DEPLOY_CONFIG,
        "--var",
        `VERSION:${readWorkerOptions().version}`,
        ...(options.domain === undefined ? [] : ["--domain", options.domain]),
        ...(isNew ? ["--secrets-file", secrets] : []),
      ],
      { show: true },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Another one would take back every badge and preview that was given away. */
async function hasSecret(worker: string): Promise<boolean> {
  const { code, stdout, stderr } = await wrangler(["secret", "list", "--name", worker, "--format", "json"]);
  if (code === 0) return stdout.includes('"RUNCAST_SECRET"');
  // Cloudflare's code for a Worker that is not there yet.
  if (/10007|does not exist|not found/i.test(stdout + stderr)) return false;
  throw new DeployError(`Listing the secrets failed.\n${stdout}${stderr}`);
}

function say(text: string): void {
  console.error(text);
}
