import { ERROR_CODES } from "../../protocol/error-code.ts";
import type { ProducerSockets } from "../ports.ts";

/** When one of the open produce sockets was last heard, append or ping; null when none is open. */
export function lastHeardAt(sockets: ProducerSockets): number | null {
  let last: number | null = null;
  for (const socket of sockets.all()) last = Math.max(last ?? 0, socket.heardAt());
  return last;
}

/** A newer epoch has begun: who still speaks for an older one is told at once, and not with its next batch. [SEQ7] */
export function closeFenced(sockets: ProducerSockets, id: string, epoch: number): void {
  for (const socket of sockets.all()) {
    if (socket.state.id === id && socket.state.epoch < epoch)
      socket.close(ERROR_CODES.PRODUCER_FENCED.close, "fenced by a newer epoch");
  }
}
