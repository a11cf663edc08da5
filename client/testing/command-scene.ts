import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { CommandLine } from "./command-line.ts";
import type { Finished } from "./command-line.ts";
import { MemoryServer } from "./memory-server.ts";
import { SpoolFolder } from "./spool-folder.ts";

type Environment = Record<string, string>;

/** What a test of the command line works with: the bundle, made once for its file, and a server of each test's own. */
export type CommandScene = {
  readonly commandLine: CommandLine;
  readonly server: MemoryServer;
  /** In which the server is known. */
  env: (more?: Environment) => Environment;
  /** What is in the log of the one run, without what it was printed on. */
  printed: () => string[];
};

export function commandScene(): CommandScene {
  let commandLine: CommandLine;
  let server: MemoryServer;
  beforeAll(async () => {
    commandLine = await CommandLine.build();
  });
  afterAll(() => commandLine.remove());
  beforeEach(async () => {
    server = await MemoryServer.start();
  });
  afterEach(() => server.down());
  return {
    get commandLine() {
      return commandLine;
    },
    get server() {
      return server;
    },
    env: (more = {}) => ({ RUNCAST_URL: server.url, RUNCAST_TOKEN: server.token, ...more }),
    printed: () => server.onlyRun.console.map(({ message }) => message),
  };
}

/** The same with a place of each test's own for what is not delivered. */
export type SpoolScene = CommandScene & {
  readonly spool: SpoolFolder;
  runcast: (args: string[], more?: Environment) => Promise<Finished>;
  resume: (...args: string[]) => Promise<Finished>;
};

export function spoolScene(): SpoolScene {
  const scene = commandScene();
  let spool: SpoolFolder;
  let count = 0;
  beforeEach(() => {
    mkdirSync(scene.commandLine.stateHome, { recursive: true });
    spool = new SpoolFolder(join(scene.commandLine.stateHome, `spool-${(count += 1)}`));
  });
  const env = (more: Environment = {}) => scene.env({ RUNCAST_SPOOL: spool.path, ...more });
  const runcast = (args: string[], more?: Environment) => scene.commandLine.run(args, env(more));
  return {
    get commandLine() {
      return scene.commandLine;
    },
    get server() {
      return scene.server;
    },
    get spool() {
      return spool;
    },
    env,
    printed: scene.printed,
    runcast,
    resume: (...args) => runcast(["resume", ...args]),
  };
}
