// `npm start`, on whatever Node there is. Plain JavaScript that Node 20 runs and that needs nothing installed:
// it installs what is missing and hands over to local/start.ts on the project's own Node.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT, installWhatIsMissing, projectNode } from "./install.mjs";

await installWhatIsMissing();

const child = spawn(projectNode(), [join(ROOT, "local/start.ts"), ...process.argv.slice(2)], { stdio: "inherit" });
// Ctrl-C reaches the child by itself; a signal sent to this process alone does not. Told twice, it stops once.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`Could not run ${projectNode()}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code) => process.exit(code ?? 1));
