import { ERROR_CODES } from "../../protocol/error-code.ts";

/** A socket that may be open no longer than its caller's session. */
export type SessionSocket = {
  /** `expiresAt`: epoch ms; null: never, or closed already. */
  readonly state: { expiresAt: number | null };
  close(code: number, reason: string): void;
};

/** When the first of these sockets has to be closed; null: never. [SES1] */
export function earliestExpiry(sockets: Iterable<SessionSocket>): number | null {
  let earliest: number | null = null;
  for (const { state } of sockets) {
    if (state.expiresAt !== null && (earliest === null || state.expiresAt < earliest)) earliest = state.expiresAt;
  }
  return earliest;
}

/** Closes every socket whose session has expired, also one that never spoke. [SES1] */
export function closeExpired(sockets: Iterable<SessionSocket>, now: number): void {
  for (const socket of sockets) {
    if (hasExpired(socket.state, now)) socket.close(ERROR_CODES.UNAUTHENTICATED.close, SESSION_EXPIRED);
  }
}

export const hasExpired = ({ expiresAt }: SessionSocket["state"], now: number): boolean =>
  expiresAt !== null && expiresAt <= now;

export const SESSION_EXPIRED = "the session has expired; sign in again";
