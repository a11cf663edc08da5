import { ROLES, type Role } from "../protocol/api.ts";

/**
 * Who may call what: the whole surface of the API. A request that matches no row never reaches a route, and a test compares the rows with the
 * routes that the application really has.
 */
export type AccessRule = {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  caller: "open" | Role;
  /** Also for a stranger who has the run's key (`sharing/run-key.ts`). */
  orRunKey?: true;
};

export const ACCESS: readonly AccessRule[] = [
  { method: "GET", path: "/api/health", caller: "open" },
  { method: "GET", path: "/api/limits", caller: "open" },
  { method: "GET", path: "/api/signing-key", caller: "open" },
  { method: "GET", path: "/api/openapi.json", caller: "open" },
  { method: "GET", path: "/api/asyncapi.json", caller: "open" },

  { method: "POST", path: "/api/session", caller: "open" },
  { method: "GET", path: "/api/session", caller: "viewer" },
  { method: "DELETE", path: "/api/session", caller: "viewer" },

  { method: "GET", path: "/api/metrics", caller: "operator" },

  { method: "GET", path: "/api/workspaces", caller: "viewer" },
  { method: "PUT", path: "/api/workspaces/:ws", caller: "administrator" },
  { method: "GET", path: "/api/workspaces/:ws/live", caller: "viewer" },
  { method: "GET", path: "/api/workspaces/:ws/runs", caller: "viewer" },
  { method: "POST", path: "/api/workspaces/:ws/runs", caller: "operator" },
  { method: "GET", path: "/api/workspaces/:ws/stats", caller: "viewer" },

  { method: "GET", path: "/api/runs/:id", caller: "viewer" },
  { method: "PATCH", path: "/api/runs/:id", caller: "operator" },
  { method: "DELETE", path: "/api/runs/:id", caller: "administrator" },
  { method: "GET", path: "/api/runs/:id/artifacts", caller: "viewer" },
  { method: "GET", path: "/api/runs/:id/artifacts/:name", caller: "viewer" },
  { method: "PUT", path: "/api/runs/:id/artifacts/:name", caller: "operator" },
  { method: "GET", path: "/api/runs/:id/summary", caller: "viewer" },
  { method: "GET", path: "/api/runs/:id/events", caller: "viewer" },
  { method: "POST", path: "/api/runs/:id/events", caller: "operator" },
  { method: "GET", path: "/api/runs/:id/metrics", caller: "viewer" },
  { method: "GET", path: "/api/runs/:id/search", caller: "viewer" },
  { method: "GET", path: "/api/runs/:id/live", caller: "viewer" },
  { method: "GET", path: "/api/runs/:id/share", caller: "viewer" },
  { method: "GET", path: "/api/runs/:id/badge.svg", caller: "viewer", orRunKey: true },
  { method: "GET", path: "/api/runs/:id/produce", caller: "operator" },
  { method: "GET", path: "/api/runs/:id/manifest", caller: "viewer" },
  { method: "POST", path: "/api/runs/:id/verify", caller: "viewer" },
  { method: "POST", path: "/api/runs/:id/cancel", caller: "operator" },
  { method: "POST", path: "/api/runs/:id/heartbeat", caller: "operator" },
];

/** A higher role may do all that a lower one may. */
export const mayAct = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

export type Admission =
  /** `runId` as the path has it: it may be none at all. */
  | { kind: "route"; rule: AccessRule; runId: string | null }
  | { kind: "unknown_path" }
  /** The methods the path does know, as the Allow header names them. */
  | { kind: "unknown_method"; allow: string };

const matchers = ACCESS.map((rule) => ({
  rule,
  pattern: new RegExp(`^${rule.path.replaceAll(".", "\\.").replaceAll(/:(\w+)/g, "(?<$1>[^/]+)")}$`),
}));

/** The row of a request. HEAD is GET without the body. */
export function findRule(method: string, path: string): Admission {
  const known = matchers.flatMap(({ rule, pattern }) => {
    const match = pattern.exec(path);
    return match === null ? [] : [{ ...rule, rule, runId: match.groups?.["id"] ?? null }];
  });
  if (known.length === 0) return { kind: "unknown_path" };
  const wanted = method === "HEAD" ? "GET" : method;
  const found = known.find((candidate) => candidate.method === wanted);
  if (found !== undefined) return { kind: "route", rule: found.rule, runId: found.runId };
  const allow = known.flatMap((candidate) => (candidate.method === "GET" ? ["GET", "HEAD"] : [candidate.method]));
  return { kind: "unknown_method", allow: allow.join(", ") };
}
