import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../../local/build.ts";
import { serve } from "../../local/serve.ts";
import { openStateFolder } from "../../local/state-folder.ts";
import type { Figure } from "../figure.ts";
import { fill } from "../load/fill.ts";
import type { PeerLog } from "../peers/peer.ts";
import { RuncastApi } from "../peers/runcast-api.ts";
import { byTurns, pick } from "../rounds.ts";

const TOKENS = { administrator: "bench-administrator", viewer: "bench-viewer" };

/** R54, and what binds it here: the local R2 joins what was put in parts piece by piece. The same bytes under the same key in one piece are only R2's doing. */
export const download: Figure = {
  title: "Download of about 200 MB: as archived, in parts, beside the same object put in one piece",
  measure: async (bench) => {
    await build();
    const data = mkdtempSync(join(tmpdir(), "runcast-bench-download-"));
    const server = await serve({ folder: openStateFolder(data), tokens: TOKENS, port: 0 });
    try {
      const api = new RuncastApi(server.url, TOKENS.administrator);
      const logs: (PeerLog & { name: string })[] = [];
      for (const name of ["runcast", "put in one piece"]) {
        const log = await api.newLog();
        await fill(log, 1_000_000 * bench.scale);
        await log.finish();
        logs.push({ ...log, name });
        if (name === "runcast") continue;
        const bucket = await server.miniflare.getR2Bucket("ARCHIVE");
        const key = `workspaces/default/runs/${log.runId}/logs/events.ndjson`;
        const stored = await bucket.get(key);
        if (stored === null) throw new Error(`${key} is not there`);
        await bucket.put(key, await stored.arrayBuffer());
      }
      const turns = await byTurns(bench, logs, async (log) => ({ rate: await megabytesPerSecond(log) }));
      return [{ case: "NDJSON", unit: "MB/s", better: "more", by: pick(turns, ({ rate }) => rate) }];
    } finally {
      await server.stop();
      rmSync(data, { recursive: true, force: true });
    }
  },
};

async function megabytesPerSecond(log: PeerLog): Promise<number> {
  const begunAt = performance.now();
  let bytes = 0;
  for await (const piece of await log.read()) bytes += piece.length;
  return bytes / 1e6 / ((performance.now() - begunAt) / 1_000);
}
