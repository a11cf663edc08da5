import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Figure } from "../figure.ts";
import { COMMAND_LINE } from "../../local/build.ts";
import { runcast } from "../peers/runcast.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServer } from "../servers.ts";

export const pipe: Figure = {
  title: "A pipe: yes | head -5000000 into the command line, beside what else takes a pipe",
  measure: (bench) =>
    withServer(runcast, async (server) => {
      const lines = 5_000_000 * bench.scale;
      const folder = mkdtempSync(join(tmpdir(), "runcast-bench-pipe-"));
      const environment = {
        ...process.env,
        RUNCAST_URL: server.url,
        RUNCAST_TOKEN: server.token,
        XDG_CONFIG_HOME: folder,
        RUNCAST_SPOOL: join(folder, "spool"),
        LINES: String(lines),
        NODE: process.execPath,
        FILE: join(folder, "file"),
      };
      const shell = async (sink: string): Promise<number> => {
        const begunAt = performance.now();
        const script = `yes | head -n "$LINES" | ${sink}`;
        const child = spawn("bash", ["-c", script], { env: environment, stdio: ["ignore", "ignore", "pipe"] });
        let said = "";
        child.stderr?.on("data", (piece: Buffer) => (said += piece.toString()));
        const [code] = await once(child, "exit");
        if (code !== 0) throw new Error(`${sink} ended with ${code}: ${said}`);
        return (performance.now() - begunAt) / 1_000;
      };
      const streamTo = async (): Promise<number> => {
        const log = await server.newLog();
        const url = `${server.url}/api/runs/${log.runId}/events?raw=true&stream=true`;
        const seconds = await shell(`curl -sSf -T - -X POST -H "Authorization: Bearer $RUNCAST_TOKEN" "${url}"`);
        await log.finish();
        await expectAll();
        return seconds;
      };
      const recorded = async (): Promise<number> => {
        const seconds = await shell(`"$NODE" "${COMMAND_LINE}" pipe`);
        await expectAll();
        return seconds;
      };
      /** Of the newest run: its first event, its start and its end are the server's. */
      const expectAll = async (): Promise<void> => {
        const { items }: { items: { last_sequence: number }[] } = JSON.parse(
          await server.text("/api/workspaces/default/runs?limit=1"),
        );
        const stored = items[0]?.last_sequence;
        if (stored !== lines + 3) throw new Error(`${stored} events are there, of ${lines} lines`);
      };
      try {
        const turns = await byTurns(
          bench,
          [
            { name: "runcast", pour: recorded },
            { name: "curl -T, nothing installed", pour: streamTo },
            { name: "tee file", pour: () => shell('tee "$FILE"') },
            { name: "cat > file", pour: () => shell('cat > "$FILE"') },
          ],
          async ({ pour }) => ({ seconds: await pour() }),
        );
        const of = `${lines.toLocaleString("en")} lines`;
        return [
          { case: of, unit: "lines/s", better: "more", by: pick(turns, ({ seconds }) => lines / seconds) },
          { case: of, unit: "s", better: "less", by: pick(turns, ({ seconds }) => seconds) },
        ];
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }),
};
