import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { z } from "zod";
import { problemSchema } from "../protocol/api.ts";
import { ERROR_CODES, type ErrorCode } from "../protocol/error-code.ts";
import type { App } from "./app-context.ts";
import { problem } from "./problem.ts";

/** What a route needs to say about itself, so that one schema validates, types and documents it. */

const namedProblemSchema = problemSchema.meta({ id: "Problem" });

/** Routes whose invalid input is refused in the one way that the contract knows. */
export const newRoutes = () => new OpenAPIHono<App>({ defaultHook: refuseInvalid });

type Validation = { target: string } & ({ success: true } | { success: false; error: z.ZodError });

function refuseInvalid(result: Validation, c: Context<App>): Response | undefined {
  if (result.success) return undefined;
  const detail = explain(result.error);
  // Another path than a run or workspace can have is one that nothing is at.
  if (result.target === "param") {
    const field = result.error.issues[0]?.path[0];
    return problem(c, { code: field === "ws" ? "WORKSPACE_NOT_FOUND" : "RUN_NOT_FOUND", detail });
  }
  return problem(c, { code: result.target === "json" ? "INVALID_BODY" : "INVALID_QUERY", detail });
}

/** Every broken rule with the place it is broken at, as in `labels.team: Too long; …`. */
export const explain = (error: z.ZodError): string =>
  error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`)).join("; ");

/** A JSON answer of a route. */
export const answers = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

/** A JSON body of a route. */
export const takes = <T extends z.ZodType>(schema: T, required: boolean) => ({
  body: { required, content: { "application/json": { schema } } },
});

/**
 * The refusals of a route, grouped by their status; any route can fail in two more ways. The type names one of them, without its content:
 * that tells the compiler that a handler may also answer with `problem`.
 */
export function refusals(...codes: ErrorCode[]): { 500: { description: string } } {
  const all: ErrorCode[] = [...codes, "INTERNAL", "STORAGE_UNAVAILABLE"];
  const codesByStatus = Map.groupBy(all, (code) => ERROR_CODES[code].status);
  // Named once in the document instead of being written out at every status of every route.
  const describe = (group: ErrorCode[]) => ({
    description: group.map((code) => `${code}: ${ERROR_CODES[code].title}`).join(". "),
    content: { "application/problem+json": { schema: namedProblemSchema } },
  });
  const byStatus = Object.fromEntries([...codesByStatus].map(([status, group]) => [status, describe(group)]));
  return { ...byStatus, 500: describe(["INTERNAL"]) };
}
