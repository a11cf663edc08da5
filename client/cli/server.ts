import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { isSet } from "./terminal.ts";

/** Where runs are sent to. `tokenFrom` names its origin in messages. */
export type Server = { url: string; token: string | undefined; tokenFrom: string };
export type FoundServer = { kind: "found"; server: Server } | { kind: "unknown"; reason: string };

const noteSchema = z.object({ url: z.url({ protocol: /^https?$/ }), token: z.string().min(1) });

/** `RUNCAST_URL` and `RUNCAST_TOKEN`, each else from what this user's last `npm start` wrote down. */
export function findServer(environment: Environment): FoundServer {
  const url = environment["RUNCAST_URL"];
  const token = environment["RUNCAST_TOKEN"];
  if (isSet(url) && !URL.canParse(url)) return { kind: "unknown", reason: `RUNCAST_URL is not an address: ${url}` };
  if (isSet(url) && !/^https?:$/.test(new URL(url).protocol)) {
    return { kind: "unknown", reason: `RUNCAST_URL must begin with http:// or https://: ${url}` };
  }
  const note = readNote(environment);
  if (note.kind === "bad" && !(isSet(url) && isSet(token))) return { kind: "unknown", reason: note.reason };
  const noted = note.kind === "noted" ? note : null;
  const address = isSet(url) ? url : noted?.url;
  if (address === undefined) {
    return {
      kind: "unknown",
      reason:
        'no server is known. Start one with "npm start" in Runcast\'s folder, or set RUNCAST_URL and RUNCAST_TOKEN.',
    };
  }
  if (isSet(token)) return { kind: "found", server: { url: address, token, tokenFrom: "RUNCAST_TOKEN" } };
  // A token goes to the server that gave it and to no other.
  const own = noted !== null && new URL(noted.url).origin === new URL(address).origin ? noted : null;
  return {
    kind: "found",
    server: { url: address, token: own?.token, tokenFrom: own === null ? "nowhere" : own.path },
  };
}

/**
 * The server that a run was begun at, with its token. Where this environment names another one, that is not what was meant for the run, unless
 * it is asked for by name (`isMeant`): a server may have moved.
 */
export function serverOf(url: string, environment: Environment, isMeant: boolean): FoundServer {
  const named = environment["RUNCAST_URL"];
  if (isSet(named) && (isMeant || originOf(named) === originOf(url))) return findServer(environment);
  const known = findServer({ ...environment, RUNCAST_URL: "" });
  // A token without an address is for the server that `npm start` noted, and no other.
  if (!isSet(named) && known.kind === "found" && originOf(known.server.url) === originOf(url)) return known;
  const reason = `its server is ${url}. Set RUNCAST_URL and RUNCAST_TOKEN to that one; if it has moved, name the run as well: runcast resume <run>`;
  return { kind: "unknown", reason };
}

const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : url);

type Environment = Readonly<Record<string, string | undefined>>;

type Note =
  | { kind: "none" }
  | { kind: "bad"; reason: string }
  | { kind: "noted"; url: string; token: string; path: string };

function readNote(environment: Environment): Note {
  const configHome = environment["XDG_CONFIG_HOME"];
  const path = join(isSet(configHome) ? configHome : join(homedir(), ".config"), "runcast", "server.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return { kind: "none" };
    return { kind: "bad", reason: `${path} cannot be read: ${String(cause)}` };
  }
  try {
    return { kind: "noted", ...noteSchema.parse(JSON.parse(text)), path };
  } catch {
    return { kind: "bad", reason: `${path} does not hold what "npm start" writes there; start the server again.` };
  }
}
