import { createMiddleware } from "hono/factory";
import type { Refusal } from "../../protocol/error-code.ts";
import { isTooDeep } from "../../protocol/judge-event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { isRecord } from "../../protocol/ndjson.ts";
import type { App } from "../app-context.ts";
import { problem } from "../problem.ts";
import { readBody } from "../request-body.ts";

/**
 * Reads a JSON body before the route's schema judges it, and says exactly what is wrong with its bytes. No body at all is `{}`.
 * The content type is judged by the route: what it declares in its contract is what it takes.
 */
export const jsonBody = createMiddleware<App>(async (c, next) => {
  const bytes = await readBody(c.req.raw, LIMITS.appendBodyBytes);
  if (bytes === null) {
    return problem(c, { code: "PAYLOAD_TOO_LARGE", detail: `a body holds at most ${LIMITS.appendBodyBytes} bytes` });
  }
  const contentType = c.req.header("content-type");
  if (bytes.byteLength > 0) {
    if (!/^application\/json *(;|$)/i.test(contentType ?? "")) {
      return problem(c, { code: "UNSUPPORTED_MEDIA_TYPE", detail: "this route takes application/json" });
    }
    const refusal = refuseJson(bytes);
    if (refusal !== null) return problem(c, refusal);
  }
  // The body has been read: the route's validator gets it once more, as bytes, because a text would bring a content type of its own.
  const isEmptyJson = bytes.byteLength === 0 && contentType !== undefined;
  c.req.raw = new Request(c.req.raw, { method: c.req.method, body: isEmptyJson ? EMPTY_OBJECT : bytes });
  return next();
});

const EMPTY_OBJECT = new TextEncoder().encode("{}");

function refuseJson(bytes: Uint8Array): Refusal | null {
  try {
    const body: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    // As it will stand in the log: one level below its event. Deeper, and whatever walks it could run out of stack.
    if (isTooDeep({ payload: body })) {
      return { code: "INVALID_BODY", detail: `nested deeper than ${LIMITS.payloadLevels} levels` };
    }
    // A schema leaves this one name out of a record without a word; what cannot be kept is refused.
    const field = Object.entries(isRecord(body) ? body : {}).find(
      ([, value]) => isRecord(value) && Object.hasOwn(value, "__proto__"),
    );
    return field === undefined ? null : { code: "INVALID_BODY", detail: `${field[0]}: __proto__ is a reserved name` };
  } catch (error) {
    return { code: "INVALID_JSON", detail: error instanceof Error ? error.message : String(error) };
  }
}
