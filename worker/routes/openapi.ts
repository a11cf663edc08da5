import { OpenAPIHono } from "@hono/zod-openapi";
import type { App } from "../app-context.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { asyncApiDocument } from "../async-api.ts";

type Documented = Pick<OpenAPIHono<App>, "getOpenAPI31Document">;

/** The contract as documents, made from the schemas that validate; `documented` is the application whose routes are told of. */
export const contractRoutes = (documented: Documented) =>
  new OpenAPIHono<App>()
    .get("/api/openapi.json", (c) =>
      c.json(
        documented.getOpenAPI31Document({
          openapi: "3.1.0",
          info: {
            title: "Runcast",
            version: `${PROTOCOL_VERSION}`,
            description:
              "Watch any run live, from anywhere. Errors are application/problem+json; sockets are in /api/asyncapi.json.",
          },
          servers: [{ url: new URL(c.req.url).origin }],
          security: [{ bearer: [] }, { session: [] }],
        }),
      ),
    )
    .get("/api/asyncapi.json", (c) => c.json(asyncApiDocument(new URL(c.req.url))));

/** How one proves who one is, for the documents. */
export function registerSecurity(app: OpenAPIHono<App>): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  app.openAPIRegistry.registerComponent("securitySchemes", "session", {
    type: "apiKey",
    in: "cookie",
    name: "runcast_session_<instance>",
    description: "Set by POST /api/session",
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "runKey", {
    type: "apiKey",
    in: "query",
    name: "key",
    description: "Of one run, from GET /api/runs/{id}/share: opens its name and status",
  });
}
