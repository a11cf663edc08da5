import { createContext } from "svelte";
import type { RunProblem } from "../../../../client/api.ts";
import { problemSchema, type Principal, type Role } from "../../../../protocol/api.ts";
import { pageApi } from "./page-api.ts";

export type SessionState =
  | { kind: "checking" }
  | { kind: "signed_in"; principal: Principal }
  | { kind: "signed_out" }
  | { kind: "unreachable"; problem: RunProblem };

/** Who this page is to the server. The cookie holds the session; this only knows whether there is one. */
export class Session {
  state = $state.raw<SessionState>({ kind: "checking" });
  /**
   * The token one has just signed in with, for the commands the page shows. Only in memory: a reload forgets it, and nothing stores it.
   */
  token = $state.raw<string | null>(null);
  readonly api = pageApi();

  async check(): Promise<void> {
    const answer = await this.api.whoAmI();
    if (answer.kind === "ok") this.state = { kind: "signed_in", principal: answer.value };
    else if (answer.problem.status === 401) this.state = { kind: "signed_out" };
    else this.state = { kind: "unreachable", problem: answer.problem };
  }

  /** Null when signed in; else why not, in words. */
  async signIn(token: string): Promise<string | null> {
    const refusal = await postSession(token);
    if (refusal !== null) return refusal;
    this.token = token;
    await this.check();
    return this.state.kind === "signed_in"
      ? null
      : "The token was accepted, but the browser did not keep the session. Are cookies allowed for this address?";
  }

  /** Null when signed out; else why not: the cookie is still good, and to say anything else would be a lie. */
  async signOut(): Promise<string | null> {
    const answer = await this.api.signOut();
    // Without a session there is none to end.
    if (answer.kind === "problem" && answer.problem.status !== 401) return answer.problem.detail;
    this.token = null;
    this.state = { kind: "signed_out" };
    return null;
  }

  /** Someone answered 401: the session has ended. */
  ended(): void {
    this.state = { kind: "signed_out" };
  }

  may(role: Role): boolean {
    return this.state.kind === "signed_in" && RANK[this.state.principal.role] >= RANK[role];
  }
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, administrator: 2 };

export const [getSession, setSession] = createContext<Session>();

async function postSession(token: string): Promise<string | null> {
  let response: Response;
  try {
    response = await fetch("/api/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });
  } catch {
    return "The server does not answer. Is it running? Try again when it is.";
  }
  if (response.ok) return null;
  if (response.status === 401)
    return "This server does not know that token. Tokens belong to one server: npm start prints the sign-in link of its own.";
  if (response.status === 429) return "Too many attempts. Wait a minute, then try again.";
  const problem = problemSchema.safeParse(await response.json().catch(() => null));
  return problem.success ? `${problem.data.title}. ${problem.data.detail}` : `The server answered ${response.status}.`;
}
