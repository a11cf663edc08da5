import type { OpenAPIHono } from "@hono/zod-openapi";
import { ERROR_CODES, type ErrorCode } from "../protocol/error-code.ts";
import { PROTOCOL_VERSION } from "../protocol/version.ts";
import { ACCESS, type AccessRule } from "./access.ts";
import type { App } from "./app-context.ts";
import { refusal } from "./open-api.ts";

type Documented = Pick<OpenAPIHono<App>, "getOpenAPI31Document">;
type Document = ReturnType<Documented["getOpenAPI31Document"]>;
type PathItem = NonNullable<Document["paths"]>[string];
type Operation = NonNullable<PathItem["get"]>;

const DESCRIPTION = [
  "Watch any run live, from anywhere.",
  "Every path knows HEAD where it knows GET. A path that is not here is answered 404 `NOT_FOUND`, another method 405 `METHOD_NOT_ALLOWED` with `Allow`, both as application/problem+json, as every refusal is. A reader ignores fields and codes it does not know. Every answer carries `X-Request-Id`.",
  "The sockets' frames are in /api/asyncapi.json, the rules in words in PROTOCOL.md.",
].join("\n\n");

/**
 * The routes of `documented` as OpenAPI 3.1: what each declares with its schemas, and what follows for it from the access table. The table is
 * the one that admits, so that the document cannot say another thing than the server does.
 */
export function openApiDocument(documented: Documented, place: { origin: string; cookie: string }): Document {
  const document = documented.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Runcast",
      version: `${PROTOCOL_VERSION}`,
      description: DESCRIPTION,
      license: { name: "MIT", url: "https://opensource.org/license/mit" },
    },
    servers: [{ url: place.origin }],
    security: [],
    tags: TAGS.map(({ name, description }) => ({ name, description })),
  });
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation !== undefined) item[method] = completed(operation, method, path);
    }
  }
  const { session } = document.components?.securitySchemes ?? {};
  if (session !== undefined && !("$ref" in session)) session.name = place.cookie;
  return document;
}

const METHODS = ["get", "put", "post", "patch", "delete"] as const;

const TAGS = [
  {
    name: "Events",
    description: "A run's log: append, read, watch",
    path: /^\/api\/runs\/\{id\}\/(events|live|manifest|metrics|produce|search|verify)$/,
  },
  { name: "Artifacts", description: "Files that belong to a run", path: /\/artifacts/ },
  {
    name: "Runs",
    description: "What a run is, how it stands, and its end",
    path: /^\/api\/(runs|workspaces\/\{ws\}\/(runs|stats))/,
  },
  { name: "Workspaces", description: "What runs belong to", path: /^\/api\/workspaces/ },
  { name: "Session", description: "Signing in and out, for browsers", path: /^\/api\/session/ },
  { name: "Server", description: "The server itself and its contract", path: /^/ },
];

function completed(operation: Operation, method: string, path: string): Operation {
  const rule = ACCESS.find(
    (row) => row.method === method.toUpperCase() && row.path.replaceAll(/:(\w+)/g, "{$1}") === path,
  );
  const tag = TAGS.find((candidate) => candidate.path.test(path))?.name ?? "Server";
  const responses = { ...operation.responses };
  for (const [status, codes] of groupCodes(operation, rule)) responses[status] = refusal(status, codes);
  return {
    operationId: operationId(method, path),
    tags: [tag],
    ...operation,
    ...(rule === undefined ? {} : { security: securityOf(rule), "x-caller": rule.caller }),
    responses,
  };
}

/** `GET /api/runs/{id}/events` is `getRunEvents`: what a generated client calls it. */
export function operationId(method: string, path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== "api");
  const words = parts.flatMap((part, at) => {
    if (part.startsWith("{")) return [];
    const isOne = parts[at + 1]?.startsWith("{") ?? false;
    return (isOne ? part.replace(/s$/, "") : part).split(/[^a-z]+/);
  });
  return method + words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join("");
}

function securityOf({ caller, orRunKey }: AccessRule): Record<string, string[]>[] {
  if (caller === "open") return [];
  return [{ bearer: [] }, { session: [] }, ...(orRunKey === true ? [{ runKey: [] }] : [])];
}

/** The refusals of an operation by their status: its own, and those that nobody has to declare, because they follow. */
function groupCodes(operation: Operation, rule: AccessRule | undefined): Map<number, ErrorCode[]> {
  const own = Object.values(operation.responses ?? {}).flatMap((response): ErrorCode[] => response["x-codes"] ?? []);
  const codes = new Set<ErrorCode>([...own, "HOST_REFUSED", "INTERNAL"]);
  const parameters = operation.parameters ?? [];
  if (parameters.some((parameter) => "in" in parameter && parameter.in === "query")) codes.add("INVALID_QUERY");
  const { requestBody } = operation;
  if (requestBody !== undefined && "content" in requestBody) {
    codes.add("PAYLOAD_TOO_LARGE");
    if ("application/json" in requestBody.content) codes.add("INVALID_JSON").add("UNSUPPORTED_MEDIA_TYPE");
  }
  if (rule !== undefined) {
    // A socket is only ever refused for its origin to one who sent it: by its close code.
    if (rule.method !== "GET") codes.add("ORIGIN_REFUSED");
    // Who asks is looked up.
    if (rule.caller !== "open") codes.add("UNAUTHENTICATED").add("STORAGE_UNAVAILABLE");
    if (rule.caller === "operator" || rule.caller === "administrator") codes.add("FORBIDDEN");
  }
  return Map.groupBy<number, ErrorCode>([...codes], (code) => ERROR_CODES[code].status);
}
