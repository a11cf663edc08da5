import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { createWorkspaceSchema, workspaceListSchema, workspaceSchema, type Workspace } from "../../protocol/api.ts";
import { slugSchema } from "../../protocol/event.ts";
import type { Refusal } from "../../protocol/error-code.ts";
import { WORKSPACE_SUBPROTOCOL } from "../../protocol/version.ts";
import { D1Workspaces, type WorkspaceRow } from "../../storage/d1-workspaces.ts";
import { jsonBody } from "../middleware/json-body.ts";
import { workspaceObject } from "../objects.ts";
import { answers, explain, newRoutes, refusals, takes } from "../open-api.ts";
import { problem } from "../problem.ts";
import { refuseUpgrade, withCaller } from "../web-socket.ts";

const params = z.object({ ws: slugSchema });

const toWire = (row: WorkspaceRow): Workspace => ({
  workspace_id: row.workspaceId,
  name: row.name,
  created_at: row.createdAt,
});

export const workspaceRoutes = newRoutes()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/workspaces",
      summary: "All workspaces",
      responses: { 200: answers(workspaceListSchema, "By slug"), ...refusals("UNAUTHENTICATED") },
    }),
    async (c) => c.json({ items: (await new D1Workspaces(c.env.DB).list()).map(toWire) }, 200),
  )
  .openapi(
    createRoute({
      method: "put",
      path: "/api/workspaces/{ws}",
      summary: "Create a workspace; may be repeated",
      middleware: [jsonBody] as const,
      // Here the slug is a value to be judged (422), not the address of something that may be missing (404).
      request: { params: z.object({ ws: z.string() }), ...takes(createWorkspaceSchema, false) },
      responses: {
        200: answers(workspaceSchema, "It was there, and stays as it is"),
        201: answers(workspaceSchema, "Created"),
        ...refusals(
          "UNAUTHENTICATED",
          "FORBIDDEN",
          "ORIGIN_REFUSED",
          "INVALID_JSON",
          "INVALID_BODY",
          "UNSUPPORTED_MEDIA_TYPE",
        ),
      },
    }),
    async (c) => {
      const slug = slugSchema.safeParse(c.req.valid("param").ws);
      if (!slug.success) return problem(c, { code: "INVALID_BODY", detail: explain(slug.error) });
      const { name = slug.data } = c.req.valid("json");
      const row = { workspaceId: slug.data, name, createdAt: new Date().toISOString() };
      const { created, workspace } = await new D1Workspaces(c.env.DB).create(row);
      return c.json(toWire(workspace), created ? 201 : 200);
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/workspaces/{ws}/live",
      summary: `Changes of the workspace's runs, by WebSocket (${WORKSPACE_SUBPROTOCOL})`,
      request: { params },
      responses: {
        101: { description: "The socket: hello, all open runs, then each change" },
        ...refusals("UNAUTHENTICATED", "INVALID_QUERY", "WORKSPACE_NOT_FOUND", "UPGRADE_REQUIRED", "TOO_MANY_WATCHERS"),
      },
    }),
    async (c) => {
      const refusal = refuseUpgrade(c, WORKSPACE_SUBPROTOCOL);
      if (refusal !== null) return problem(c, refusal);
      const { ws } = c.req.valid("param");
      if (!(await new D1Workspaces(c.env.DB).exists(ws))) {
        return problem(c, { code: "WORKSPACE_NOT_FOUND", detail: `there is no workspace ${ws}` });
      }
      const answer = await workspaceObject(c.env, ws).fetch(withCaller(c));
      return answer.status === 101 ? answer : problem(c, await answer.json<Refusal>());
    },
  );
