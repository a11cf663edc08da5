/** What the page reads of the two contract documents. They are our own server's: their shape is held by a test of the server. */

export type Schema = {
  type?: string | string[];
  description?: string;
  format?: string;
  pattern?: string;
  const?: unknown;
  enum?: unknown[];
  example?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  $ref?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
};
export type Media = { schema?: Schema; "x-itemSchema"?: Schema; example?: unknown };
export type Parameter = { name: string; in: string; required?: boolean; description?: string; schema: Schema };
export type Answer = {
  description: string;
  headers?: Record<string, { description?: string; required?: boolean; schema: Schema }>;
  content?: Record<string, Media>;
  "x-codes"?: string[];
};
export type Operation = {
  operationId: string;
  tags: string[];
  summary?: string;
  description?: string;
  "x-caller"?: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses: Record<string, Answer>;
};
export type OpenApi = {
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
export type Message = { name: string; summary: string; contentType: string; payload: Schema };
export type AsyncApi = {
  info: { description: string };
  channels: Record<
    string,
    {
      address: string;
      title: string;
      description: string;
      messages: Record<string, Message>;
      bindings: { ws: { query: Schema } };
    }
  >;
  operations: Record<string, { action: "send" | "receive"; messages: { $ref: string }[] }>;
};

export type Route = { method: string; path: string; operation: Operation };
export type RouteGroup = { name: string; description: string; routes: Route[] };

/** The routes as the document groups them; a group without any is left out. */
export function groupRoutes({ tags, paths }: OpenApi): RouteGroup[] {
  const routes = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): Route => ({ method: method.toUpperCase(), path, operation })),
  );
  return tags
    .map((tag) => ({ ...tag, routes: routes.filter(({ operation }) => operation.tags.includes(tag.name)) }))
    .filter((group) => group.routes.length > 0);
}

export type Socket = {
  name: string;
  address: string;
  title: string;
  description: string;
  query: [string, Schema][];
  says: Message[];
  hears: Message[];
};

export const listSockets = ({ channels, operations }: AsyncApi): Socket[] =>
  Object.entries(channels).map(([name, channel]) => {
    const messagesOf = (key: string): Message[] =>
      (operations[key]?.messages ?? []).flatMap(({ $ref }) => channel.messages[$ref.split("/").at(-1) ?? ""] ?? []);
    return {
      name,
      address: channel.address,
      title: channel.title,
      description: channel.description,
      query: Object.entries(channel.bindings.ws.query.properties ?? {}),
      says: messagesOf(`${name}Says`),
      hears: messagesOf(`${name}Hears`),
    };
  });

/** The name a schema is known by in the document, or null. */
export const refName = ({ $ref }: Schema): string | null => $ref?.split("/").at(-1) ?? null;

/** The kind of a value in a word or two: `integer, 1 to 1000`, `one of keep, strip`. */
export function describeKind(schema: Schema): string {
  const name = refName(schema);
  if (name !== null) return name;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return `one of ${schema.enum.map((value) => String(value)).join(", ")}`;
  const variants = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (variants !== undefined) return variants.map(describeKind).join(schema.allOf === undefined ? " or " : " with ");
  if (schema.type === "array") return `list of ${describeKind(schema.items ?? {})}`;
  const kind = schema.format ?? (Array.isArray(schema.type) ? schema.type.join(" or ") : (schema.type ?? "any value"));
  const { minimum, maximum } = schema;
  const top = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const range =
    minimum !== undefined && top !== undefined
      ? `, ${minimum} to ${top}`
      : minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER
        ? `, from ${minimum}`
        : top !== undefined
          ? `, up to ${top}`
          : "";
  const length = schema.maxLength === undefined ? "" : `, up to ${schema.maxLength} characters`;
  return kind + range + length;
}

export type Field = { name: string; isRequired: boolean; schema: Schema };

/** The fields of an object, those of what it refers to included. */
export function fieldsOf(schema: Schema, schemas: Record<string, Schema>): Field[] {
  const whole = resolve(schema, schemas);
  return Object.entries(whole.properties ?? {}).map(([name, property]) => ({
    name,
    isRequired: whole.required?.includes(name) ?? false,
    schema: property,
  }));
}

function resolve(schema: Schema, schemas: Record<string, Schema>): Schema {
  const name = refName(schema);
  return name === null ? schema : (schemas[name] ?? {});
}

const EXAMPLES: Readonly<Record<string, unknown>> = {
  run_id: "01a1fe4a-1af9-7e45-b920-0c6508323359",
  workspace_id: "default",
  watcher_id: "w1",
  sequence: 120,
  last_sequence: 120,
  first_sequence: 118,
  created_at: "2026-11-21T02:30:00.123Z",
  started_at: "2026-11-21T02:30:01.000Z",
  completed_at: null,
  name: "build web",
  type: "console.line",
  colour: "#4f52d0",
  by: "ana",
};

/** Deeper than anything in the contract; a schema that refers to itself ends here. */
const DEEPEST = 8;

/** One value that the schema allows, for people to see what it looks like. */
export function exampleOf(schema: Schema, schemas: Record<string, Schema>, name = "", level = 0): unknown {
  if (schema.example !== undefined) return schema.example;
  if (schema.const !== undefined) return schema.const;
  if (level > DEEPEST) return null;
  const referred = refName(schema);
  if (referred !== null) return exampleOf(schemas[referred] ?? {}, schemas, name, level + 1);
  if (schema.enum !== undefined) return schema.enum.at(-1);
  if (Object.hasOwn(EXAMPLES, name)) return EXAMPLES[name];
  if (schema.allOf !== undefined) {
    return Object.assign({}, ...schema.allOf.map((part) => exampleOf(part, schemas, name, level + 1)));
  }
  const [variant] = schema.oneOf ?? schema.anyOf ?? [];
  if (variant !== undefined) return exampleOf(variant, schemas, name, level + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([key, property]) => [
          key,
          exampleOf(property, schemas, key, level + 1),
        ]),
      );
    case "array":
      return [exampleOf(schema.items ?? {}, schemas, "", level + 1)];
    case "integer":
    case "number":
      return Math.max(schema.minimum ?? 0, 0);
    case "boolean":
      return false;
    case "string":
      return schema.format === "date-time" ? "2026-11-21T02:30:00.123Z" : name || "text";
    default:
      return null;
  }
}
