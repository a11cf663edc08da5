import { readFileSync } from "node:fs";
import { serverPid } from "./usage.ts";

const LOOK_EVERY_MS = 100;

/** The most memory that a server has until the answer is asked for, in MB. */
export function watchMemory(group: number): () => number {
  const pid = serverPid(group);
  let peakKb = 0;
  const look = (): void => {
    const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    peakKb = Math.max(peakKb, Number(kb));
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    look();
    return (peakKb * 1024) / 1e6;
  };
}
