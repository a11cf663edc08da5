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

const control = createServer((request, response) => {
  answer(new URL(request.url ?? "/", "http://control").searchParams).then(
    (body) => response.writeHead(body === null ? 404 : 200).end(body ?? ""),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});

/** `?run=…` takes the run's object out of memory; `?key=…` and `?prefix=…` read R2 past everything that may go wrong. */
async function answer(query: URLSearchParams): Promise<Uint8Array | string | null> {
  const prefix = query.get("prefix");
  if (prefix !== null) {
    const { objects } = await (await server.miniflare.getR2Bucket("ARCHIVE")).list({ prefix });
    return JSON.stringify(objects.map(({ key, size }) => ({ key: key.slice(prefix.length), size })));
  }
  const key = query.get("key");
  if (key !== null) {
    const stored = await (await server.miniflare.getR2Bucket("ARCHIVE")).get(key);
    return stored === null ? null : new Uint8Array(await stored.arrayBuffer());
  }
  await server.miniflare.unsafeEvictDurableObject(server.workerName, "RunObject", {
    name: query.get("run") ?? "",
    webSockets: "hibernate",
  });
  return new Uint8Array();
}
control.listen(0, "127.0.0.1", () => {
  const address = control.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.stdout.write(`ready ${server.url} http://127.0.0.1:${port}\n`);
});
