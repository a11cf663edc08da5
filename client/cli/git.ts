import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Commit and branch, when the command runs in a repository. */
export async function readGit(): Promise<{ git?: { commit: string; branch: string } }> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD", "--abbrev-ref", "HEAD"], {
      timeout: 1_000,
    });
    const [commit, branch] = stdout.trim().split("\n");
    return commit === undefined || branch === undefined ? {} : { git: { commit, branch } };
  } catch {
    // No repository, no commit yet, or no git: the run simply says nothing about it.
    return {};
  }
}
