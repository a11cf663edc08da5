import { createServer } from "node:http";
import { build } from "../../../local/build.ts";
import { lockStateFolder } from "../../../local/lock.ts";
import { serve } from "../../../local/serve.ts";
import { openStateFolder } from "../../../local/state-folder.ts";
import { readTokens } from "../../../local/tokens.ts";

/**
 * What `npm start` does, with the bundle of the laboratory, in a process that can be killed; and beside it, for the laboratory alone,
 * a way to take an object out of memory. The last line on standard output is `ready <url> <control url>`.
 */
const folder = openStateFolder();
const locking = await lockStateFolder(folder);
if (locking.kind === "in-use") throw new Error(`${folder.path} is in use`);
await build();
const server = await serve({
  folder,
  tokens: readTokens(folder),
  port: Number(process.env.PORT),
  workerBundle: process.env.RUNCAST_LABORATORY_BUNDLE ?? "",
});

/** `?run=…` takes the run's object out of memory. */
const control = createServer((request, response) => {
  const name = new URL(request.url ?? "/", "http://control").searchParams.get("run") ?? "";
  server.miniflare.unsafeEvictDurableObject(server.workerName, "RunObject", { name, webSockets: "hibernate" }).then(
    () => response.end(),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});
control.listen(0, "127.0.0.1", () => {
  const address = control.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.stdout.write(`ready ${server.url} http://127.0.0.1:${port}\n`);
});
