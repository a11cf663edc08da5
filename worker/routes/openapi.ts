import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import type { App } from "../app-context.ts";
import { asyncApiDocument } from "../async-api.ts";
import { sessionCookieName } from "../authenticate.ts";
import { openApiDocument } from "../open-api-document.ts";
import { namedEventSchema, namedProblemSchema, namedSentEventSchema } from "../named-schemas.ts";
import { answerHeader, answers, newRoutes, refusals } from "../open-api.ts";
import { ifNoneMatch } from "../parameters.ts";

type Documented = Pick<OpenAPIHono<App>, "getOpenAPI31Document">;

const documentRoute = <Path extends string>(path: Path, summary: string, shape: z.ZodType) =>
  createRoute({
    method: "get",
    path,
    summary,
    responses: { 200: answers(shape, "Made from the schemas that validate"), ...refusals() },
  });

const scriptHeaders = { ETag: answerHeader("Changes with the script") };

/** The contract as documents, made from the schemas that validate; `documented` is the application whose routes are told of. */
export const contractRoutes = (documented: Documented) =>
  newRoutes()
    .openapi(
      documentRoute("/api/openapi.json", "The HTTP API: this document", z.looseObject({ openapi: z.literal("3.1.0") })),
      (c) => {
        const { origin } = new URL(c.req.url);
        return c.json(openApiDocument(documented, { origin, cookie: sessionCookieName(c) }), 200);
      },
    )
    .openapi(
      documentRoute("/api/asyncapi.json", "The sockets, as AsyncAPI", z.looseObject({ asyncapi: z.literal("3.0.0") })),
      (c) => c.json(asyncApiDocument(new URL(c.req.url)), 200),
    );

/** What the documents name besides the routes: how one proves who one is, the shapes that are named, and what is served as a file. */
export function registerContract({ openAPIRegistry: registry }: OpenAPIHono<App>): void {
  registry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "For programs",
  });
  registry.registerComponent("securitySchemes", "session", {
    type: "apiKey",
    in: "cookie",
    name: "runcast_session",
    description: "For browsers: set by POST /api/session. Writes and sockets of another Origin are refused",
  });
  registry.registerComponent("securitySchemes", "runKey", {
    type: "apiKey",
    in: "query",
    name: "key",
    description: "Of one run, from GET /api/runs/{id}/share: opens its name and status",
  });
  registry.register("Problem", namedProblemSchema);
  registry.register("Event", namedEventSchema);
  registry.register("SentEvent", namedSentEventSchema);
  registry.registerPath({
    method: "get",
    path: "/runcast.mjs",
    summary: "The command line as one file for Node 20 or newer",
    request: { headers: z.object({ "if-none-match": ifNoneMatch }) },
    description: "`curl -fsSO …/runcast.mjs && node runcast.mjs run -- make`; nothing to install.",
    responses: {
      200: {
        description: "A script",
        headers: scriptHeaders,
        content: { "text/javascript": { schema: { type: "string" } } },
      },
      304: { description: "As `If-None-Match` has it", headers: scriptHeaders },
      ...refusals("NOT_FOUND"),
    },
  });
}
