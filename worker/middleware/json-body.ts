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
  let text = "{}";
  if (bytes.byteLength > 0) {
    if (!/^application\/json *(;|$)/i.test(contentType ?? "")) {
      return problem(c, { code: "UNSUPPORTED_MEDIA_TYPE", detail: "this route takes application/json" });
    }
    const read = readJson(bytes);
    if (read.kind === "refused") return problem(c, read.refusal);
    text = read.text;
  }
  // A schema gives values; whoever must keep digits encodes the text itself.
  c.set("bodyText", text);
  // The body has been read: the route's validator gets it once more, as bytes, because a text would bring a content type of its own.
  const isEmptyJson = bytes.byteLength === 0 && contentType !== undefined;
  c.req.raw = new Request(c.req.raw, { method: c.req.method, body: isEmptyJson ? EMPTY_OBJECT : bytes });
  return next();
});

const EMPTY_OBJECT = new TextEncoder().encode("{}");

type ReadJson = { kind: "text"; text: string } | { kind: "refused"; refusal: Refusal };
const refused = (code: "INVALID_BODY" | "INVALID_JSON", detail: string): ReadJson => ({
  kind: "refused",
  refusal: { code, detail },
});

/** Fields that are taken from the text, whatever the names in them. */
const KEPT_AS_TEXT = new Set(["parameters"]);

function readJson(bytes: Uint8Array): ReadJson {
  let text: string;
  let body: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    body = JSON.parse(text);
  } catch (error) {
    return refused("INVALID_JSON", error instanceof Error ? error.message : String(error));
  }
  // As it will stand in the log: one level below its event. Deeper, and whatever walks it could run out of stack.
  if (isTooDeep({ payload: body })) {
    return refused("INVALID_BODY", `nested deeper than ${LIMITS.payloadLevels} levels`);
  }
  // A schema leaves this one name out of a record without a word; what cannot be kept is refused.
  const field = Object.entries(isRecord(body) ? body : {}).find(
    ([name, value]) => !KEPT_AS_TEXT.has(name) && isRecord(value) && Object.hasOwn(value, "__proto__"),
  );
  return field === undefined
    ? { kind: "text", text }
    : refused("INVALID_BODY", `${field[0]}: __proto__ is a reserved name`);
}
