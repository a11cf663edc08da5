import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, bundleWorker } from "../../local/build.ts";
import { serve, type Server } from "../../local/serve.ts";
import { DIST, openStateFolder, ROOT } from "../../local/state-folder.ts";
import { Api } from "./api.ts";
import { waitUntil } from "./wait-until.ts";

/** What the Worker and its objects asked of their bindings since the last `forgetCounts`. */
export type Counts = {
  statements: string[];
  archiveBytesRead: number;
  /** Of `GET …/events`. */
  bytesAnswered: number;
  /** The most that was read from R2 and not yet answered, at any moment. */
  mostBytesHeld: number;
};

type Bucket = Awaited<ReturnType<Server["miniflare"]["getR2Bucket"]>>;

export type InspectedServer = {
  api: Api;
  viewToken: string;
  /** A token of a role between the two that a server begins with. */
  operatorToken: string;
  server: Server;
  data: string;
  bucket: Bucket;
  /** Takes a run's object out of memory; its sockets hibernate, or are cut. */
  evict(runId: string, webSockets?: "close" | "hibernate"): Promise<void>;
  /** The same with a workspace's object. */
  evictWorkspace(workspaceId: string): Promise<void>;
  counts(): Promise<Counts>;
  forgetCounts(): Promise<void>;
  /** Every call of R2, or those about one run, take so much longer from now on, those that wait already included; Infinity: R2 hangs. */
  delayArchive(ms: number, runId?: string): Promise<void>;
  /** Every key of the run in R2. */
  keys(runId: string): Promise<string[]>;
  /** Waits until the run's log is in the archive, whole, with nothing of it left elsewhere. */
  archived(runId: string): Promise<void>;
  remove(): Promise<void>;
};

/** The server of `npm start` in this process, with its bindings counted and within reach. */
export async function startInspectedServer(): Promise<InspectedServer> {
  await build();
  const data = mkdtempSync(join(tmpdir(), "runcast-inspected-"));
  // Beside the real one: workerd takes no module from outside of the repository.
  const workerBundle = join(DIST, "instrumented-worker.js");
  await bundleWorker(join(ROOT, "test/workerd/instrumented-worker.ts"), workerBundle);
  const tokens = { administrator: "test-administrator-token", viewer: "test-viewer-token-0" };
  const server = await serve({ folder: openStateFolder(join(data, "state")), tokens, port: 0, workerBundle });
  const api = new Api(server.url, tokens.administrator);
  const operatorToken = await addOperator(server);
  const bucket = await server.miniflare.getR2Bucket("ARCHIVE");
  const prefix = (runId: string): string => `workspaces/default/runs/${runId}/`;
  const keys = async (runId: string): Promise<string[]> => {
    const found: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await bucket.list({ prefix: prefix(runId), ...(cursor === undefined ? {} : { cursor }) });
      found.push(...page.objects.map(({ key }) => key.slice(prefix(runId).length)));
      if (!page.truncated) return found.toSorted();
      cursor = page.cursor;
    }
  };
  return {
    api,
    viewToken: tokens.viewer,
    operatorToken,
    server,
    data,
    bucket,
    evict: (runId, webSockets = "hibernate") =>
      server.miniflare.unsafeEvictDurableObject(server.workerName, "RunObject", { name: runId, webSockets }),
    evictWorkspace: (name) =>
      server.miniflare.unsafeEvictDurableObject(server.workerName, "WorkspaceObject", {
        name,
        webSockets: "hibernate",
      }),
    counts: async () => (await api.ask("GET", "/counts")).json<Counts>(),
    forgetCounts: async () => void (await api.ask("DELETE", "/counts")),
    delayArchive: async (ms, runId = "") => void (await api.ask("POST", `/archive-delay?ms=${ms}&run=${runId}`)),
    keys,
    archived: (runId) =>
      waitUntil(
        `run ${runId} is archived`,
        async () =>
          (await keys(runId)).join() === "logs/events.ndjson,logs/index.bin,logs/manifest.json,logs/timeline.ndjson",
        { timeoutMs: 60_000 },
      ),
    remove: async () => {
      await server.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

async function addOperator({ miniflare }: Server): Promise<string> {
  const token = "test-operator-token-0";
  const hash = createHash("sha256").update(token).digest("hex");
  const database = await miniflare.getD1Database("DB");
  await database
    .prepare("INSERT INTO tokens (id, name, role, hash) VALUES ('operator', 'operator', 'operator', ?)")
    .bind(hash)
    .run();
  return token;
}
