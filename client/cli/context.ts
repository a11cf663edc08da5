import type { FoundServer } from "./server.ts";
import type { Voice } from "./voice.ts";

/** What a command has around it. */
export type CommandContext = { found: FoundServer; voice: Voice };
