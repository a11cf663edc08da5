// Stands where wrangler does when deploy.ts is tested: an account in a file instead of Cloudflare. What wrangler can do without an account, the real one
// does: migrations and SQL run on a local D1, a deployment is bundled and checked. Plain JavaScript, as the program that it replaces.
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";

const { ACCOUNT_FILE, ACCOUNT_D1, REAL_WRANGLER } = process.env;
const account = JSON.parse(readFileSync(ACCOUNT_FILE, "utf8"));
const args = process.argv.slice(2);
account.calls.push(args.join(" "));
const code = answer(args);
writeFileSync(ACCOUNT_FILE, JSON.stringify(account));
process.exit(code);

function answer([area, verb, ...rest]) {
  const valueOf = (flag) => args[args.indexOf(flag) + 1];
  switch (`${area} ${verb}`) {
    case "whoami --json":
      console.log(JSON.stringify({ loggedIn: account.loggedIn }));
      return account.loggedIn ? 0 : 1;
    case "d1 list":
      console.log(JSON.stringify(account.databases));
      return 0;
    case "d1 create":
      account.databases.push({ uuid: `uuid-of-${rest[0]}`, name: rest[0] });
      return 0;
    case "d1 migrations":
    case "d1 execute":
      return real(args.map((arg) => (arg === "--remote" ? "--local" : arg)).concat("--persist-to", ACCOUNT_D1));
    case "r2 bucket":
    case "queues info":
    case "queues create": {
      const [action, name] = area === "r2" ? rest : [verb, rest[0]];
      const known = account.resources.includes(`${area} ${name}`);
      if (action === "create") account.resources.push(`${area} ${name}`);
      return action === "create" || known ? 0 : 1;
    }
    case "secret list":
      if (account.deployments.length === 0) {
        console.error("This Worker does not exist on your account. [code: 10007]");
        return 1;
      }
      console.log(JSON.stringify(account.secrets.map((name) => ({ name, type: "secret_text" }))));
      return 0;
    case "deploy --config": {
      const secrets = args.includes("--secrets-file") ? valueOf("--secrets-file") : null;
      const given = secrets === null ? {} : JSON.parse(readFileSync(secrets, "utf8"));
      account.secrets.push(...Object.keys(given));
      account.deployments.push({
        config: readFileSync(valueOf("--config"), "utf8"),
        version: valueOf("--var"),
        secret: given.RUNCAST_SECRET ?? null,
        secretsMode: secrets === null ? null : statSync(secrets).mode & 0o777,
        secretsFile: secrets,
      });
      return real([...args, "--dry-run"]);
    }
    default:
      console.error(`the account knows no ${args.join(" ")}`);
      return 1;
  }
}

function real(realArgs) {
  const { status } = spawnSync(process.execPath, [REAL_WRANGLER, ...realArgs], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  return status ?? 1;
}
