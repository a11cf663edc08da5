import type { WebSocket } from "ws";
import { isTerminal } from "../../protocol/event.ts";
import { PING, PONG, watcherCommandSchema } from "../../protocol/frames.ts";
import type { WatcherCommand } from "../../protocol/frames.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MemoryRun } from "./memory-run.ts";

/** `runcast.v1` for one socket: history, then live, never more than `windowBytes` unacknowledged. */
export function serveWatcher(
  socket: WebSocket,
  run: MemoryRun,
  query: URLSearchParams,
  windowBytes: number,
  onCommand: (command: WatcherCommand) => void,
): void {
  let position = Number(query.get("after_sequence") ?? 0);
  const types = query.get("types")?.split(",") ?? null;
  const outstanding: Array<{ sequence: number; bytes: number }> = [];
  let caughtUp = false;
  let ended = false;
  const control = (value: unknown) => socket.send(`${JSON.stringify(value)}\n`);
  const wants = (type: string) =>
    types === null || types.some((one) => one === type || (one.endsWith(".*") && type.startsWith(one.slice(0, -1))));

  const pump = () => {
    if (socket.readyState !== socket.OPEN || ended) return;
    while (position < run.lastSequence) {
      if (outstanding.reduce((sum, { bytes }) => sum + bytes, 0) >= windowBytes) return;
      let frame = "";
      let last = position;
      while (position < run.lastSequence) {
        const next = run.lines[position];
        if (next === undefined) break;
        if (frame !== "" && frame.length + next.line.length > LIMITS.frameBytes) break;
        position += 1;
        if (!wants(next.type)) continue;
        frame += `${next.line}\n`;
        last = next.sequence;
      }
      if (frame === "") continue;
      outstanding.push({ sequence: last, bytes: Buffer.byteLength(frame) });
      socket.send(frame);
    }
    if (!caughtUp) {
      caughtUp = true;
      control({ op: "caught_up", sequence: position });
    }
    if (isTerminal(run.status)) {
      ended = true;
      control({ op: "end", status: run.status, last_sequence: run.lastSequence, sha256: run.sha256 });
      if (query.get("stay") !== "true") socket.close(1000);
    }
  };

  control({
    op: "hello",
    run_id: run.runId,
    status: run.status,
    last_sequence: run.lastSequence,
    watcher_id: crypto.randomUUID(),
  });
  const stopListening = run.onChange(pump);
  socket.on("close", stopListening);
  socket.on("message", (data) => {
    const text = Buffer.isBuffer(data) ? data.toString("utf8") : "";
    if (text === PING) return socket.send(PONG);
    const command = watcherCommandSchema.safeParse(JSON.parse(text));
    if (!command.success) return socket.close(4400);
    onCommand(command.data);
    if (command.data.op === "ack") {
      const { sequence } = command.data;
      while (outstanding[0] !== undefined && outstanding[0].sequence <= sequence) outstanding.shift();
      pump();
    }
  });
  pump();
}
