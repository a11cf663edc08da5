import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { readWorkerOptions, WORKER_BUNDLE } from "./build.ts";
import { migrate } from "./migrate.ts";
import { showLog, type LogForm } from "./show-log.ts";
import { ROOT, type StateFolder } from "./state-folder.ts";
import { readInstanceSecret, storeTokenHashes, type Tokens } from "./tokens.ts";

export type ServeOptions = {
  folder: StateFolder;
  tokens: Tokens;
  /** 0 takes a free one. */
  port: number;
  /** The address listened on; anything but the loopback opens the server to others. */
  host?: string;
  /** Names this server may be asked for besides those of the loopback, e.g. behind a proxy. */
  allowedHosts?: string[];
  /** As in `https://runs.example.com`: where browsers find it, behind a proxy that ends TLS. Its host is allowed with it. */
  publicUrl?: string | undefined;
  /** What workerd loads; the Worker that local/build.ts built, unless a test brings its own bundle. */
  workerBundle?: string;
  /** How the server's log is shown on standard error. */
  log?: LogForm;
};

export type Server = {
  url: string;
  /** What people open. */
  publicUrl: string;
  /** For tests: eviction, and the bindings themselves. */
  miniflare: Miniflare;
  /** Of the Worker, as Miniflare wants to be told with `unsafeEvictDurableObject`. */
  workerName: string;
  /** The migrations this start applied; all of them the first time. */
  migrated: string[];
  stop(): Promise<void>;
};

/**
 * Serves what local/build.ts built, from a state folder that the caller has locked, and answers once requests are.
 * Miniflare directly: through `wrangler dev` the same object takes a third of the appends (docs/decisions/050).
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const {
    folder,
    tokens,
    host = "127.0.0.1",
    allowedHosts = [],
    publicUrl,
    workerBundle = WORKER_BUNDLE,
    log = "problems",
  } = options;
  const { name, version, worker } = readWorkerOptions();
  const port = options.port || (await findFreePort(host));
  const ownHosts = ["127.0.0.1", "localhost", "[::1]"].map((own) => `${own}:${port}`);

  const { runtimePath, runtimeEnvironment } = wrapRuntime(folder);
  // The one way to tell Miniflare which runtime to start.
  process.env.MINIFLARE_WORKERD_PATH = runtimePath;
  const miniflare = createWithoutSignalHandlers(
    () =>
      new Miniflare(
        convertV4MiniflareOptions({
          ...worker,
          // Without a name two Workers could not be told apart, and an object could not be evicted.
          name,
          modules: [{ type: "ESModule", path: workerBundle, contents: readFileSync(workerBundle, "utf8") }],
          modulesRoot: ROOT,
          bindings: {
            ...worker.bindings,
            INSTANCE_NAME: folder.instanceName,
            ALLOWED_HOSTS: [...ownHosts, ...allowedHosts, ...(publicUrl ? [new URL(publicUrl).host] : [])].join(","),
            PUBLIC_URL: publicUrl ?? "",
            VERSION: version,
            // A line that nobody sees is not written in the first place.
            LOG: log === "json" || log === "pretty" ? "all" : "problems",
            RUNCAST_SECRET: readInstanceSecret(folder),
          },
          host,
          port,
          // Miniflare 5 reads no other key for it, and says nothing about the old ones.
          resourcePersistencePath: folder.resources,
          // Nothing is asked of, or told to, anybody else.
          cf: false,
          telemetry: { enabled: false },
          handleStructuredLogs: (logged) => {
            const line = showLog(log, logged);
            if (line !== null) process.stderr.write(`${line}\n`);
          },
          unsafeRuntimeEnv: runtimeEnvironment,
        }),
      ),
  );

  try {
    await miniflare.ready;
    const database = await miniflare.getD1Database("DB");
    const migrated = await migrate(database);
    await storeTokenHashes(database, tokens);
    const shownHost = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
    return {
      url: `http://${shownHost}:${port}`,
      publicUrl: publicUrl ?? `http://${shownHost}:${port}`,
      miniflare,
      workerName: name,
      migrated,
      stop: () => miniflare.dispose(),
    };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

/** Miniflare ends the process itself on a signal, in the middle of our own orderly stop; its hook on the process's exit may stay. */
function createWithoutSignalHandlers(create: () => Miniflare): Miniflare {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = new Set(signals.flatMap((signal) => process.listeners(signal)));
  const created = create();
  for (const signal of signals) {
    for (const listener of process.listeners(signal)) if (!before.has(listener)) process.off(signal, listener);
  }
  return created;
}

/** The port must be known before the start, because the Worker is told which hosts it answers to. */
function findFreePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, host, () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** The runtime's program and what local/workerd.sh, which starts it, has to know. */
function wrapRuntime(folder: StateFolder): { runtimePath: string; runtimeEnvironment: Record<string, string> } {
  const requireBesideMiniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  const { default: workerd }: { default: string } = requireBesideMiniflare("workerd");
  // Without a shell there is no wrapper, and a workerd that outlives a killed Node has to be ended by hand.
  if (process.platform === "win32") return { runtimePath: workerd, runtimeEnvironment: {} };
  return {
    runtimePath: join(ROOT, "local/workerd.sh"),
    runtimeEnvironment: {
      RUNCAST_WORKERD: workerd,
      RUNCAST_WORKERD_PID_FILE: folder.workerdPid,
      RUNCAST_PDEATHSIG: canDieWithParent() ? "yes" : "no",
    },
  };
}

/** Linux with util-linux; BusyBox has a setpriv that cannot. */
function canDieWithParent(): boolean {
  return process.platform === "linux" && spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0;
}
