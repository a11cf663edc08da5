import { createHash, randomBytes } from "node:crypto";

export const TOKEN_ROLES = ["administrator", "viewer"] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

export const newToken = (): string => `rc_${randomBytes(32).toString("base64url")}`;

/**
 * The statements after which exactly this token is good for the role; one that it replaces takes its browser sessions with it. Only the hash is in them:
 * the token leaves this machine in no form but that.
 */
export function storeTokenSql(role: TokenRole, token: string): string {
  const hash = createHash("sha256").update(token).digest("hex");
  return [
    `DELETE FROM tokens WHERE id = '${role}' AND hash <> '${hash}'`,
    `INSERT INTO tokens (id, name, role, hash) VALUES ('${role}', '${role}', '${role}', '${hash}') ON CONFLICT (id) DO NOTHING`,
  ].join("; ");
}
