import { createMiddleware } from "hono/factory";
import type { App } from "../app-context.ts";
import { BodyReader } from "../request-body-reader.ts";

/** As much of a body that nobody wants is read as a well-meant request can have, and no longer than a moment. */
const HEARD_BYTES = 16 * 1024 * 1024;
const HEARD_MS = 1_000;

/**
 * An answer may be decided before the body is read. A sender that is still sending would find the connection broken instead of the answer, so
 * what is left is read and thrown away first. [ERR6]
 */
export const hearOut = createMiddleware<App>(async (c, next) => {
  const { body } = c.req.raw;
  await next();
  if (body === null || body.locked) return;
  await new BodyReader(body).discard(HEARD_MS, HEARD_BYTES);
});
