import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { ERROR_CODES, type ErrorCode } from "../protocol/error-code.ts";
import type { App } from "./app-context.ts";
import { problem } from "./problem.ts";

/** What a route needs to say about itself, so that one schema validates, types and documents it. */

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

/** A JSON answer of a route, with the header fields that it has besides those of every answer. */
export const answers = <T extends z.ZodType>(
  schema: T,
  description: string,
  headers: Record<string, ReturnType<typeof answerHeader>> = {},
) => ({
  description,
  headers,
  content: { "application/json": { schema } },
});

/** A JSON body of a route. */
export const takes = <T extends z.ZodType>(schema: T, required: boolean) => ({
  body: { required, content: { "application/json": { schema } } },
});

/** Text of one JSON value a line, each as this schema says, or the one that the document names so. */
export const lineAnswer = (mediaType: string, item: string | z.ZodType) => ({
  [mediaType]: {
    schema: z.string(),
    "x-itemSchema": typeof item === "string" ? { $ref: `#/components/schemas/${item}` } : z.toJSONSchema(item),
  },
});

/** A header field of an answer. */
export const answerHeader = (description: string, schema: object = { type: "string" }, required = false) => ({
  description,
  required,
  schema,
});

/**
 * The refusals of a route, grouped by their status. Those that follow from the access table, or from having a body or parameters
 * (`open-api-document.ts`), need not be told. The type names one of them, without its content: that tells the compiler that a handler may also answer with `problem`.
 */
export function refusals(...codes: ErrorCode[]): { 500: { description: string } } {
  const codesByStatus = Map.groupBy<number, ErrorCode>(codes, (code) => ERROR_CODES[code].status);
  const byStatus = Object.fromEntries([...codesByStatus].map(([status, group]) => [status, refusal(status, group)]));
  return { ...byStatus, 500: refusal(500, ["INTERNAL"]) };
}

/** An answer that is one of these refusals, all of one status. */
export const refusal = (status: number, codes: ErrorCode[]) => ({
  description: codes.map((code) => `${code}: ${ERROR_CODES[code].title}`).join(". "),
  headers: REFUSAL_HEADERS[status] ?? {},
  content: {
    "application/problem+json": {
      // Named once in the document instead of being written out at every status of every route.
      schema: {
        allOf: [
          { $ref: "#/components/schemas/Problem" },
          { properties: { status: { const: status }, code: { enum: codes } } },
        ],
      },
    },
  },
  "x-codes": codes,
});

const retryAfter = answerHeader("Seconds to wait before trying again", { type: "integer", minimum: 0 }, true);

const REFUSAL_HEADERS: Record<number, Record<string, ReturnType<typeof answerHeader>>> = {
  401: { "WWW-Authenticate": answerHeader("How to sign in", { const: "Bearer" }, true) },
  416: { "Content-Range": answerHeader("`bytes */` and how many there are", { type: "string" }, true) },
  426: { Upgrade: answerHeader("What to speak instead; not every proxy passes it on", { const: "websocket" }) },
  429: { "Retry-After": retryAfter },
  503: { "Retry-After": retryAfter },
};
