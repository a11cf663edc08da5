import { WebSocket } from "ws";
import { pause } from "./figures.ts";
import type { Target } from "./load.ts";

/** A server that is measured, spoken to as the contract says. */
export class Runcast {
  readonly url: string;
  readonly authorization: { authorization: string };

  constructor(url: string, token: string) {
    this.url = url;
    this.authorization = { authorization: `Bearer ${token}` };
  }

  async createRun(): Promise<string> {
    const response = await fetch(`${this.url}/api/workspaces/default/runs`, {
      method: "POST",
      headers: this.authorization,
    });
    if (response.status !== 202) throw new Error(`a run was answered with ${response.status}`);
    return (await response.json()).run_id;
  }

  async append(runId: string, body: string): Promise<void> {
    for (;;) {
      const response = await fetch(`${this.url}/api/runs/${runId}/events`, {
        method: "POST",
        headers: { ...this.authorization, "content-type": "application/x-ndjson" },
        body,
      });
      await response.text();
      if (response.status === 200) return;
      if (response.status !== 429) throw new Error(`an append was answered with ${response.status}`);
      await pause(1000);
    }
  }

  watch(runId: string, afterSequence = 0): WebSocket {
    const url = `${this.url.replace("http", "ws")}/api/runs/${runId}/live?after_sequence=${afterSequence}`;
    return new WebSocket(url, "runcast.v1", { headers: this.authorization });
  }

  /** A run of its own, to put a load on. */
  async newRun(): Promise<Target> {
    const runId = await this.createRun();
    return this.target(runId);
  }

  target(runId: string): Target {
    return {
      name: "Runcast",
      append: (body) => this.append(runId, body),
      watch: () => this.watch(runId),
      acknowledge: (socket, text) => {
        const sequence = /.*\{"sequence":(\d+),/s.exec(text)?.[1];
        if (sequence !== undefined) socket.send(JSON.stringify({ op: "ack", sequence: Number(sequence) }));
      },
    };
  }
}
