import { join } from "node:path";
import { bundleWorker, WORKER_BUNDLE } from "../../../local/build.ts";
import { serve } from "../../../local/serve.ts";
import { DIST, openStateFolder } from "../../../local/state-folder.ts";
import { readFolder, servePeer } from "./serve-peer.ts";

/** What `npm start` serves, or the same with what it asks of the platform counted. */
const [, , , administrator = "", viewer = "", isCounted = ""] = process.argv;
const server = await serve({
  folder: openStateFolder(readFolder()),
  tokens: { administrator, viewer },
  port: 0,
  workerBundle: isCounted === "" ? WORKER_BUNDLE : await bundleCounted(),
});
servePeer({
  url: server.url,
  evict: (name) => server.miniflare.unsafeEvictDurableObject(server.workerName, "RunObject", { name }),
  stop: () => server.stop(),
});

async function bundleCounted(): Promise<string> {
  // Beside the real one: workerd takes no module from outside of the repository.
  const bundle = join(DIST, "counted-worker.js");
  await bundleWorker(join(import.meta.dirname, "../../objects/counted-runcast.ts"), bundle);
  return bundle;
}
