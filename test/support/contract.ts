import { Validator, type Schema } from "@cfworker/json-schema";
import { answerName, closeName, messageName, OTHER_METHOD, OTHER_PATH } from "../contract/documented.ts";

/**
 * The two contract documents, and what they do not allow. Every test's traffic goes through here, in Node and in workerd: hence a validator that
 * makes no code at run time. Objects are closed for the check: a field that no document names is a fault here, while a client ignores it.
 */

type Json = Record<string, unknown>;
export type Media = { schema?: Schema; "x-itemSchema"?: Schema };
type HeaderField = { required?: boolean; schema: Schema };
type Response = {
  headers?: Record<string, HeaderField>;
  content?: Record<string, Media>;
  /** Of a refusal: which there are at this status. */
  "x-codes"?: string[];
};
export type Parameter = { name: string; in: string; required?: boolean; schema: Schema };
export type Operation = {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Response>;
};
export type OpenApi = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
type Message = { name: string; summary: string; contentType: string; payload: Schema };
type Channel = {
  address: string;
  parameters: object;
  messages: Record<string, Message>;
  bindings: { ws: { query: Schema } };
  /** By code, what it means. */
  "x-close-codes": Record<string, string>;
};
export type AsyncApi = {
  channels: Record<string, Channel>;
  operations: Record<string, { action: "send" | "receive"; channel: { $ref: string }; messages: { $ref: string }[] }>;
};

export type Exchange = {
  method: string;
  /** With its query. */
  path: string;
  status: number;
  headers: Iterable<[string, string]>;
  /** null: not read, and not judged. */
  text: string | null;
};

/** On any answer, and told of once in the document's description: what guards it, and what HTTP itself adds. */
const EVERYWHERE = new Set(
  `x-request-id x-content-type-options referrer-policy cross-origin-resource-policy cross-origin-opener-policy
   content-security-policy cache-control content-type content-length content-encoding transfer-encoding connection keep-alive date vary server-timing
   sec-websocket-accept sec-websocket-protocol sec-websocket-extensions upgrade cf-cache-status`.split(/\s+/),
);

/** Lines of a long log that are looked at: all at its start, then some. */
const isLookedAt = (at: number): boolean => at < 300 || at % 97 === 0;

export class Contract {
  readonly openapi: OpenApi;
  readonly asyncapi: AsyncApi;
  readonly #validators = new Map<Schema, Validator>();
  readonly #met: (name: string) => void;

  /** `met` is told of everything documented that the traffic holds, by its name (`contract/documented.ts`). */
  constructor(openapi: OpenApi, asyncapi: AsyncApi, met: (name: string) => void = () => {}) {
    this.openapi = close(openapi);
    this.asyncapi = close(asyncapi);
    this.#met = met;
  }

  /** What is wrong with an answer, or null when the document allows it. */
  faultOf(exchange: Exchange): string | null {
    const { method, status } = exchange;
    const path = exchange.path.split("?")[0] ?? "";
    const [template, item] = this.#routeAt(path);
    if (item === null && !path.startsWith("/api/") && path !== "/api") return null;
    const operation = item?.[method === "HEAD" ? "get" : method.toLowerCase()];
    const response = operation?.responses[status] ?? this.#undeclared(exchange, item, operation);
    const fault = response === null ? `the status ${status} is not documented` : this.#faultIn(response, exchange);
    if (fault === null) {
      this.#note(template, response ?? {}, exchange);
      return null;
    }
    return `The contract does not allow this answer: ${method} ${exchange.path} → ${status}: ${fault}\n${exchange.text?.slice(0, 500)}`;
  }

  /** What is wrong with a line of the log, or null. */
  eventFaultOf(line: string, at = 0): string | null {
    const schema = this.openapi.components.schemas["Event"];
    if (schema === undefined || !isLookedAt(at)) return null;
    const fault = this.#judge(schema, parseJson(line));
    return fault === null ? null : `The contract does not allow this event: ${line.slice(0, 500)}\n${fault}`;
  }

  /** The socket of a path, by its name in the document; null when none is there. */
  channelAt(path: string): string | null {
    const found = Object.entries(this.asyncapi.channels).find(([, { address }]) => isPathOf(address, path));
    return found?.[0] ?? null;
  }

  /** The messages of one direction of a socket: what the server says, or what it hears. */
  messagesOf(channel: string, direction: "Says" | "Hears"): Message[] {
    const references = this.asyncapi.operations[`${channel}${direction}`]?.messages ?? [];
    return references.flatMap(
      ({ $ref }) => this.asyncapi.channels[channel]?.messages[$ref.split("/").at(-1) ?? ""] ?? [],
    );
  }

  /** What is wrong with one line of a frame, or null. */
  frameFaultOf(channel: string, direction: "Says" | "Hears", line: string, at = 0): string | null {
    if (!isLookedAt(at)) return null;
    const value = parsed(line);
    const faults: string[] = [];
    for (const { name, contentType, payload } of this.messagesOf(channel, direction)) {
      const isText = contentType === "text/plain";
      const fault =
        !isText && value === undefined ? "this is not JSON" : this.#judge(payload, isText ? line : value, "7");
      if (fault === null) {
        this.#met(messageName(channel, direction, name));
        return null;
      }
      faults.push(fault);
    }
    const what = `what ${channel} ${direction.toLowerCase()}`;
    return `The contract does not allow this as ${what}: ${line.slice(0, 500)}\n${faults.join("\n")}`;
  }

  /** What is wrong with how the server closed a socket, or null. Without a code (1005), or cut (1006), it said nothing. */
  closeFaultOf(channel: string, code: number): string | null {
    const codes = this.asyncapi.channels[channel]?.["x-close-codes"] ?? {};
    this.#met(closeName(channel, code));
    return code === 1005 || code === 1006 || code in codes
      ? null
      : `The contract does not know ${code} as an end of ${channel}`;
  }

  #routeAt(path: string): [template: string, item: Record<string, Operation>] | [template: string, item: null] {
    return Object.entries(this.openapi.paths).find(([template]) => isPathOf(template, path)) ?? ["", null];
  }

  /** A refusal whose code was not read is not noted, nor is HEAD, which tells none. */
  #note(template: string, { content = {}, "x-codes": codes }: Response, exchange: Exchange): void {
    const { method, status, text } = exchange;
    if (status === 405) return this.#met(OTHER_METHOD);
    if (template === "" && status === 404) return this.#met(OTHER_PATH);
    if (template === "" || method === "HEAD") return;
    const mediaType = mediaTypeOf(namedHeaders(exchange));
    const kind = [mediaType, "*/*"].find((type) => type in content) ?? "";
    if (codes === undefined) return this.#met(answerName(method, template, status, kind));
    const code: unknown = text === null ? null : Object(parseJson(text)).code;
    if (typeof code === "string") this.#met(answerName(method, template, status, code));
  }

  /** What the document says in words: another path is 404, another method 405; a host that is not ours 421 everywhere. */
  #undeclared({ status }: Exchange, item: object | null, operation: Operation | undefined): Response | null {
    if (operation !== undefined) return null;
    const problem = { content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } };
    if (status === 421) return problem;
    if (item === null) return status === 404 ? problem : null;
    const headers = { Allow: { required: true, schema: { type: "string" } as Schema } };
    return status === 405 ? { ...problem, headers } : null;
  }

  #faultIn(response: Response, exchange: Exchange): string | null {
    const { method, status, text } = exchange;
    const sent = namedHeaders(exchange);
    const fields = Object.entries(response.headers ?? {});
    for (const [name, field] of fields) {
      const value = sent.get(name.toLowerCase());
      if (value === undefined && field.required === true) return `without the header ${name}`;
      if (value === undefined) continue;
      const fault = this.#judge(field.schema, isWhole(field.schema) ? Number(value) : value);
      if (fault !== null) return `the header ${name}: ${fault}`;
    }
    const known = new Set(fields.map(([name]) => name.toLowerCase()));
    const unknown = [...sent.keys()].find((name) => !known.has(name) && !EVERYWHERE.has(name));
    if (unknown !== undefined) return `the header ${unknown} is not documented`;
    if (method === "HEAD" || status === 101) return null;

    const contentType = mediaTypeOf(sent);
    const content = response.content ?? {};
    if (Object.keys(content).length === 0) return text === null || text === "" ? null : "a body is not documented";
    const media = content[contentType];
    // A file is whatever its uploader made of it.
    if (media === undefined && "*/*" in content) return null;
    if (media === undefined) return `the content type ${contentType || "(none)"} is not documented`;
    return text === null ? null : this.#faultInBody(media, contentType, text);
  }

  #faultInBody(media: Media, contentType: string, text: string): string | null {
    if (/[/+]json$/.test(contentType)) {
      return media.schema === undefined ? null : this.#judge(media.schema, parseJson(text));
    }
    const itemSchema = media["x-itemSchema"];
    if (itemSchema === undefined) return null;
    const lines = contentType === "text/event-stream" ? dataLines(text) : text.split("\n");
    for (const [at, line] of lines.entries()) {
      const value = isLookedAt(at) ? parsed(line) : undefined;
      const fault = value === undefined ? null : this.#judge(itemSchema, value);
      if (fault !== null) return `line ${at + 1} (${line.slice(0, 200)}): ${fault}`;
    }
    return null;
  }

  #judge(schema: Schema, value: unknown, draft: "7" | "2020-12" = "2020-12"): string | null {
    let validator = this.#validators.get(schema);
    if (validator === undefined) {
      // References point into the document: its components come along.
      const whole = draft === "7" ? schema : { ...schema, components: this.openapi.components };
      validator = new Validator(whole, draft);
      this.#validators.set(schema, validator);
    }
    const { valid, errors } = validator.validate(value);
    if (valid) return null;
    const { instanceLocation, error } = errors.at(-1) ?? { instanceLocation: "", error: "" };
    return `${instanceLocation}: ${error}`;
  }
}

const namedHeaders = ({ headers }: Exchange): Map<string, string> =>
  new Map([...headers].map(([name, value]) => [name.toLowerCase(), value]));

const mediaTypeOf = (headers: Map<string, string>): string => headers.get("content-type")?.split(";")[0]?.trim() ?? "";

/** The validator cannot name a place whose key holds half a character: for the check every half is a question mark. */
const parseJson = (json: string): unknown =>
  JSON.parse(
    json.replaceAll(/\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|.)/g, (escape) => (/^\\u[dD]/.test(escape) ? "?" : escape)),
  );

function isPathOf(template: string, path: string): boolean {
  const pattern = template.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${pattern}$`).test(path);
}

const isWhole = (schema: Schema): boolean => schema.type === "integer";

/** The value of a line; undefined for one that is damaged, which a plain download gives as it is. */
function parsed(line: string): unknown {
  try {
    return line === "" ? undefined : parseJson(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The lines of the log among server-sent events: those without an event name. */
const dataLines = (text: string): string[] =>
  text.split("\n\n").flatMap((block) => {
    if (/^event:/m.test(block)) return [];
    const data = /^data: ?(.*)$/m.exec(block)?.[1];
    return data === undefined ? [] : [data];
  });

/** A copy in which an object has no other fields than it names. */
function close<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map((item: unknown) => close(item)) as Value;
  if (value === null || typeof value !== "object") return value;
  const copy: Json = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, close(member)]));
  if (copy["type"] === "object" && "properties" in copy) copy["additionalProperties"] ??= false;
  return copy as Value;
}
