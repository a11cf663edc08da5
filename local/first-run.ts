import { spawn, type ChildProcess } from "node:child_process";
import { COMMAND_LINE, webBuildCommand } from "./build.ts";
import { ROOT } from "./state-folder.ts";

/**
 * Builds the web pages once more, watched: a state folder's first run, so that the page a newcomer opens shows a real
 * command arriving line by line. The server is up by then, and whatever goes wrong here is said and changes nothing for it.
 */
export function deliverFirstRun(url: string, token: string): ChildProcess {
  const child = spawn(process.execPath, [COMMAND_LINE, "run", "--name", "web build", "--", ...webBuildCommand()], {
    cwd: ROOT,
    // The build's own output is in the run; here it would bury the address to open.
    stdio: ["ignore", "ignore", "ignore"],
    // Nobody would deliver later what is left of it.
    env: { ...process.env, RUNCAST_URL: url, RUNCAST_TOKEN: token, RUNCAST_SPOOL_BYTES: "0" },
  });
  child.on("error", (error) => console.error(`The first run could not be started: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null && code !== 0)
      console.error(`The first run, a build of the web pages, ended with exit code ${code}.`);
  });
  return child;
}
