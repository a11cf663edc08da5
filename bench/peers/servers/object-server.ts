import { readFileSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { bundleWorker } from "../../../local/build.ts";
import { readFolder, servePeer } from "./serve-peer.ts";

/** A peer that is one Durable Object a log, on the same workerd as Runcast and started the same way. */
const [, , , object = ""] = process.argv;
const folder = readFolder();
const script = join(folder, "worker.js");
await bundleWorker(join(import.meta.dirname, `../../objects/${object}.ts`), script);
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    name: object,
    modules: [{ type: "ESModule", path: script, contents: readFileSync(script, "utf8") }],
    modulesRoot: folder,
    compatibilityDate: "2026-10-01",
    durableObjects: { LOGS: { className: "LogObject", useSQLite: true } },
    resourcePersistencePath: join(folder, "state"),
    cf: false,
    telemetry: { enabled: false },
  }),
);
const url = await miniflare.ready;
servePeer({
  url: url.origin,
  evict: (name) => miniflare.unsafeEvictDurableObject(object, "LogObject", { name }),
  stop: () => miniflare.dispose(),
});
