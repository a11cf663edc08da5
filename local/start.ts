import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { build } from "./build.ts";
import { deliverFirstRun } from "./first-run.ts";
import { lockStateFolder } from "./lock.ts";
import { serve } from "./serve.ts";
import { readLogForm } from "./show-log.ts";
import { openStateFolder } from "./state-folder.ts";
import { readTokens, type Tokens } from "./tokens.ts";

const DEFAULT_PORT = 8787;

await start();

/** `npm start` in order. The last line on standard output is `ready <url>`; everything after it goes to standard error. */
async function start(): Promise<void> {
  const folder = openStateFolder();
  const locking = await lockStateFolder(folder);
  if (locking.kind === "in-use") {
    console.error(
      locking.url
        ? `Runcast is already serving ${folder.path} at ${locking.url}`
        : `Runcast is already being started on ${folder.path}${locking.pid ? ` by process ${locking.pid}` : ""}.`,
    );
    process.exitCode = 1;
    return;
  }
  const { lock } = locking;

  // From here on a signal may come at any point: what was begun is ended in reverse order, and the lock goes last.
  const endings: (() => unknown)[] = [() => lock.release()];
  let stopping: Promise<void> | null = null;
  const stop = (code: number) => {
    stopping ??= (async () => {
      for (const end of endings.toReversed()) await end();
      process.exit(code);
    })();
    return stopping;
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop(0));

  try {
    const log = readLogForm(process.env.RUNCAST_LOG ?? "");
    await build();
    const tokens = readTokens(folder);
    const server = await serve({
      folder,
      tokens,
      port: readPort(),
      log,
      host: process.env.RUNCAST_LISTEN || undefined,
      publicUrl: readPublicUrl(),
      allowedHosts: (process.env.RUNCAST_HOSTS ?? "").split(",").filter((host) => host !== ""),
    });
    endings.push(() => server.stop());
    lock.announce(server.url);
    writeDownForCommandLine(server.url, tokens);
    printWhereToGo(server, tokens, folder.path);

    const isFirstStart = server.migrated.includes("0000_create_runs.sql");
    if (isFirstStart && process.env.RUNCAST_FIRST_RUN !== "0") {
      const firstRun = deliverFirstRun(server.url, tokens.administrator);
      endings.push(() => firstRun.kill("SIGTERM"));
    }
  } catch (error) {
    console.error(
      isAddressInUse(error) ? `Port ${readPort()} is in use by another program; choose one with PORT=…` : error,
    );
    await stop(1);
  }
}

function readPort(): number {
  const text = process.env.PORT || String(DEFAULT_PORT);
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`PORT must be a number from 0 to 65535, not ${text}.`);
  return port;
}

/** An origin and no more: a path would mean that the pages are not at the root, where they have to be. */
function readPublicUrl(): string | undefined {
  const text = process.env.RUNCAST_PUBLIC_URL;
  if (!text) return undefined;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new Error(`RUNCAST_PUBLIC_URL must be like https://runs.example.com, not ${text}.`);
  }
  return url.origin;
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && ["ERR_ADDRESS_IN_USE", "EADDRINUSE"].includes(String(error.code));
}

/** Where `runcast run` of the same user looks when nothing else tells it. A token is in it: nobody else may read it. */
function writeDownForCommandLine(url: string, tokens: Tokens): void {
  const folder = join(process.env.XDG_CONFIG_HOME || join(homedir(), ".config"), "runcast");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = join(folder, `server.json.${process.pid}`);
  writeFileSync(fresh, `${JSON.stringify({ url, token: tokens.administrator })}\n`, { mode: 0o600 });
  renameSync(fresh, join(folder, "server.json"));
}

function printWhereToGo({ url, publicUrl }: { url: string; publicUrl: string }, tokens: Tokens, path: string): void {
  console.log(`
  Open           ${publicUrl}/sign-in#token=${tokens.administrator}
  Only watching  ${publicUrl}/sign-in#token=${tokens.viewer}

  Try            npx runcast run -- <any command>
  Kept in        ${path}          Ctrl-C stops, nothing is lost
`);
  console.log(`ready ${url}`);
}
