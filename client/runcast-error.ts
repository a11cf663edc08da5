import type { Answer, RunProblem } from "./api.ts";

/** A refusal or a broken connection, for those who rather catch than compare. `problem` says which, and whether asking again may help. */
export class RuncastError extends Error {
  override readonly name = "RuncastError";
  readonly problem: RunProblem;

  constructor(problem: RunProblem) {
    super(`${problem.code}: ${problem.detail}`);
    this.problem = problem;
  }
}

/** The value of an answer. Throws `RuncastError` where there is none. */
export function orThrow<T>(answer: Answer<T>): T {
  if (answer.kind === "problem") throw new RuncastError(answer.problem);
  return answer.value;
}
