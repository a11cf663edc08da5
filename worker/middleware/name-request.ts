import { createMiddleware } from "hono/factory";
import type { App } from "../app-context.ts";

/** Every request has an id: in the answer's header, in a problem's body, and in the log beside what went wrong. */
export const nameRequest = createMiddleware<App>(async (c, next) => {
  c.set("requestId", crypto.randomUUID());
  await next();
});
