import type { RunProblem } from "../../../../client/api.ts";

/** What happened, what it means for the data, what to do. */
export type ProblemWords = { title: string; meaning: string; canRetry: boolean };

export function problemInWords(problem: RunProblem, subject: "run" | "runs"): ProblemWords {
  switch (problem.code) {
    case "UNREACHABLE":
      return {
        title: "The server does not answer",
        meaning: "Nothing that was acknowledged is lost. It is shown again as soon as the server is back.",
        canRetry: true,
      };
    case "RUN_NOT_FOUND":
      return { title: "No such run", meaning: "It was deleted, or the address has a mistake in it.", canRetry: false };
    case "WORKSPACE_NOT_FOUND":
      return {
        title: "No such workspace",
        meaning: "An administrator creates workspaces; the first one is called default.",
        canRetry: false,
      };
    case "FORBIDDEN":
      return { title: "You may not see this", meaning: problem.detail, canRetry: false };
    case "LOG_INCOMPLETE":
      return {
        title: "The stored log is missing",
        meaning: `What is known of the ${subject === "run" ? "run" : "runs"} is kept. ${problem.detail}`,
        canRetry: false,
      };
    default:
      return {
        title: `The ${subject} could not be read`,
        meaning: `${problem.detail} Nothing was changed.`,
        canRetry: true,
      };
  }
}
