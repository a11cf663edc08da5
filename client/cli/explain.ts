import type { RunProblem } from "../api.ts";
import type { Server } from "./server.ts";

/** What went wrong and what one can do about it, in words. */
export function explain(
  problem: RunProblem,
  server: Server,
  about: { runId?: string; workspaceId?: string } = {},
): string {
  switch (problem.code) {
    case "UNREACHABLE":
      return `no server answers at ${server.url} (${problem.detail}). Start one with "npm start", or set RUNCAST_URL.`;
    case "UNAUTHENTICATED":
      return server.token === undefined
        ? `${server.url} wants a token. Set RUNCAST_TOKEN; "npm start" keeps one in .runcast/administrator-token.`
        : `${server.url} does not accept the token from ${server.tokenFrom}. Set RUNCAST_TOKEN to the one in the server's state folder (.runcast/administrator-token).`;
    case "FORBIDDEN":
      return `this token may not do that at ${server.url} (${problem.detail}). A viewer's token can only read: set RUNCAST_TOKEN to the administrator's.`;
    case "RUN_NOT_FOUND":
      return `there is no run ${about.runId ?? ""} at ${server.url}.`;
    case "WORKSPACE_NOT_FOUND":
      return `there is no workspace ${about.workspaceId ?? ""} at ${server.url}.`;
    case "UNREADABLE":
      return `${server.url} does not answer as Runcast does: ${problem.detail}. Is RUNCAST_URL right?`;
    default:
      return `${problem.detail} (${problem.code})`;
  }
}

/** Another token would do: what is refused now may be taken later. */
export const isAboutToken = ({ code }: RunProblem): boolean => code === "UNAUTHENTICATED" || code === "FORBIDDEN";
