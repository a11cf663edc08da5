import type { Resumed } from "./resume-spool.ts";
import type { FoundSpool } from "./spool/spool.ts";
import type { Paint } from "./terminal.ts";

/** A spool as scripts see it. */
export function reportOf({ name, note, runId, bytes, owner }: FoundSpool) {
  return {
    run_id: runId,
    spool: name,
    name: note.run.name ?? null,
    url: note.url,
    created_at: note.created_at,
    bytes,
    pid: owner?.pid ?? null,
  };
}

/** One spool a line. Where the server never made a run, the spool's own name stands for it. */
export function formatWaiting(spools: readonly FoundSpool[], paint: Paint): string {
  const rows = spools.map((found) => [
    found.runId ?? found.name,
    found.note.created_at.slice(0, 16).replace("T", " "),
    formatBytes(found.bytes),
    found.owner === null ? "waits" : `process ${found.owner.pid}`,
    plain(found.note.run.name ?? ""),
  ]);
  const header = ["RUN", "CREATED", "LEFT", "STATE", "NAME"];
  const widths = header.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const lineOf = (cells: readonly string[]) =>
    cells.map((cell, at) => cell.padEnd(at === cells.length - 1 ? 0 : (widths[at] ?? 0))).join("  ");
  return `${[paint.bold(lineOf(header)), ...rows.map(lineOf)].join("\n")}\n`;
}

export function describeResumed({ name, runId, folder, note }: FoundSpool, resumed: Resumed): string {
  const what = plain(note.run.name ?? runId ?? name);
  switch (resumed.kind) {
    case "delivered": {
      const ended = resumed.status === null ? "" : `, ${resumed.status}`;
      return `${what}: ${countEvents(resumed.events)} delivered${ended}${resumed.watch_url === null ? "" : `; watch at ${resumed.watch_url}`}`;
    }
    case "discarded":
      return `${what}: discarded`;
    case "owned":
      return `${what}: process ${resumed.pid} is at it and is left alone`;
    case "gone":
      return `${what}: delivered or discarded by somebody else`;
    case "elsewhere":
      return `${what}: ${resumed.reason}`;
    case "damaged":
      return `${what}: damaged, and left alone. What can be read are the lines-*.ndjson in ${folder}`;
    case "kept":
      return `${what}: ${resumed.events === null ? "" : `${countEvents(resumed.events)} `}not delivered, and kept: ${resumed.reason}`;
    case "refused":
      return `${what}: ${countEvents(resumed.events)} cannot be delivered: ${resumed.reason} They stay in ${folder}; to delete them: runcast resume --discard ${runId ?? name}`;
  }
}

const countEvents = (count: number): string => (count === 1 ? "1 event" : `${count} events`);

const formatBytes = (bytes: number): string =>
  bytes < 1024
    ? `${bytes} B`
    : bytes < 1024 * 1024
      ? `${Math.round(bytes / 1024)} KiB`
      : `${Math.round(bytes / 1024 / 1024)} MiB`;

// A name may hold anything; a terminal is only to be given what is text.
const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, " ");
