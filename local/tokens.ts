import { createHash, randomBytes } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "./migrate.ts";
import type { StateFolder } from "./state-folder.ts";

export type Tokens = { administrator: string; viewer: string };

/** Below that a token can be guessed by trying. */
const SHORT_TOKEN_LENGTH = 16;

/** The same tokens at every start, until their file is deleted: made once, 256 random bits each, readable by this user only. */
export function readTokens(folder: StateFolder, environment: NodeJS.ProcessEnv = process.env): Tokens {
  const tokens = {
    administrator: environment.RUNCAST_TOKEN || readOrMake(join(folder.path, "administrator-token")),
    viewer: environment.RUNCAST_VIEW_TOKEN || readOrMake(join(folder.path, "viewer-token")),
  };
  for (const [role, token] of Object.entries(tokens)) {
    // Anything else cannot be sent in an Authorization field.
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error(`The ${role}'s token must be printable ASCII without spaces.`);
    if (token.length < SHORT_TOKEN_LENGTH) console.error(`The ${role}'s token is short enough to be guessed.`);
  }
  if (tokens.administrator === tokens.viewer)
    throw new Error("The administrator's and the viewer's token must differ.");
  return tokens;
}

/**
 * What the keys of shared runs are derived from. Another one, and every badge and preview that was given away stops working: that is how to take
 * them all back.
 */
export function readInstanceSecret(folder: StateFolder, environment: NodeJS.ProcessEnv = process.env): string {
  const secret = environment.RUNCAST_SECRET || readOrMake(join(folder.path, "instance-secret"), "");
  if (secret.length < SHORT_TOKEN_LENGTH) throw new Error("RUNCAST_SECRET is short enough to be guessed.");
  return secret;
}

function readOrMake(path: string, prefix = "rc_"): string {
  try {
    const secret = readFileSync(path, "utf8").trim();
    // Whoever copied the folder may have widened it.
    chmodSync(path, 0o600);
    if (secret !== "") return secret;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const secret = `${prefix}${randomBytes(32).toString("base64url")}`;
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  return secret;
}

/** Afterwards exactly these two tokens of ours are good. A token that changed takes its browser sessions with it. */
export async function storeTokenHashes(database: Database, tokens: Tokens): Promise<void> {
  const rows = Object.entries(tokens).map(([role, token]) => ({
    role,
    hash: createHash("sha256").update(token).digest("hex"),
  }));
  const forget = rows.map(({ role, hash }) =>
    database.prepare("DELETE FROM tokens WHERE id = ? AND hash <> ?").bind(role, hash),
  );
  const store = rows.map(({ role, hash }) =>
    database
      .prepare("INSERT INTO tokens (id, name, role, hash) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING")
      .bind(role, role, role, hash),
  );
  // Forget both first: the two may have been exchanged, and a hash is unique.
  await database.batch([...forget, ...store]);
}
