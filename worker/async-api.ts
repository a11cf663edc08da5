import { z } from "zod";
import { CLOSE_NORMAL, CLOSE_RESTART, CLOSE_TOO_SLOW, ERROR_CODES } from "../protocol/error-code.ts";
import { runEventSchema } from "../protocol/event.ts";
import {
  PING,
  PONG,
  producerAppendSchema,
  producerFrameSchema,
  watcherCommandSchema,
  watcherFrameSchema,
  workspaceFrameSchema,
} from "../protocol/frames.ts";
import { LIVE_SUBPROTOCOL, PRODUCE_SUBPROTOCOL, PROTOCOL_VERSION, WORKSPACE_SUBPROTOCOL } from "../protocol/version.ts";
import { liveQuerySchema, produceQuerySchema } from "./parameters.ts";

type Control = { options: readonly z.ZodObject<{ op: z.ZodLiteral }>[] };
type Message = { name: string; schema: z.ZodType; contentType: string };

type Socket = {
  name: string;
  address: string;
  subprotocol: string;
  description: string;
  query: z.ZodObject;
  /** What the server says. */
  says: Message[];
  /** What the server hears. */
  hears: Message[];
  /** How it ends, besides what ends every socket. */
  closes: number[];
};

/** One message for each `op` that the schema knows. */
const controls = ({ options }: Control): Message[] =>
  options.map((schema) => json(String([...schema.shape.op.values][0]), schema));
const json = (name: string, schema: z.ZodType): Message => ({ name, schema, contentType: "application/json" });
const text = (word: string): Message => ({ name: word, schema: z.literal(word), contentType: "text/plain" });

/** The sockets of the contract. A frame is one or more lines, each line one JSON value of these. */
const SOCKETS: readonly Socket[] = [
  {
    name: "live",
    address: "/api/runs/{run_id}/live",
    subprotocol: LIVE_SUBPROTOCOL,
    description:
      "Watch a run: `hello`, every event after the asked position once and in order, `caught_up` at the head, then live, and `end` before close 1000.",
    query: liveQuerySchema,
    says: [...controls(watcherFrameSchema), json("event", runEventSchema), text(PONG)],
    hears: [...controls(watcherCommandSchema), text(PING)],
    closes: [CLOSE_TOO_SLOW, ERROR_CODES.TOO_MANY_WATCHERS.close],
  },
  {
    name: "produce",
    address: "/api/runs/{run_id}/produce",
    subprotocol: PRODUCE_SUBPROTOCOL,
    description:
      "Append to a run: a frame is an `append` line and then the batch's lines, answered by `ack` or `error`.",
    query: produceQuerySchema,
    says: [...controls(producerFrameSchema), text(PONG)],
    hears: [json("append", producerAppendSchema), text(PING)],
    closes: [ERROR_CODES.RUN_ENDED.close, ERROR_CODES.PAYLOAD_TOO_LARGE.close],
  },
  {
    name: "workspace",
    address: "/api/workspaces/{workspace_id}/live",
    subprotocol: WORKSPACE_SUBPROTOCOL,
    description:
      "Changes of a workspace's runs: `hello`, every open run, then each change. A reconnect needs no position.",
    query: z.object({}),
    says: [...controls(workspaceFrameSchema), text(PONG)],
    hears: [text(PING)],
    closes: [CLOSE_TOO_SLOW, ERROR_CODES.TOO_MANY_WATCHERS.close],
  },
];

/** What each code says to whoever sees it. */
const CLOSE_CODES: Readonly<Record<number, string>> = {
  [CLOSE_NORMAL]: "The end: all of the run was sent, or the client closed without a code of its own",
  [CLOSE_RESTART]: "The storage could not be read: connect again",
  [ERROR_CODES.INVALID_QUERY.close]: "The query, the subprotocol or a frame is not understood",
  [ERROR_CODES.UNAUTHENTICATED.close]: "Not signed in, or not any more",
  [ERROR_CODES.FORBIDDEN.close]: "Not allowed, or a page of another origin",
  [ERROR_CODES.RUN_NOT_FOUND.close]: "No such run or workspace, or not any more",
  [CLOSE_TOO_SLOW]: "Too slow: resume after the position in the reason",
  [ERROR_CODES.RUN_ENDED.close]: "A newer epoch of this producer has taken over, or the run has ended",
  [ERROR_CODES.PAYLOAD_TOO_LARGE.close]: "The batch is too large",
  [ERROR_CODES.TOO_MANY_WATCHERS.close]: "Too many watchers: try again later",
};
/** What ends a socket of any kind. */
const CLOSES_ANY: readonly number[] = [
  CLOSE_NORMAL,
  CLOSE_RESTART,
  ERROR_CODES.INVALID_QUERY.close,
  ERROR_CODES.UNAUTHENTICATED.close,
  ERROR_CODES.FORBIDDEN.close,
  ERROR_CODES.RUN_NOT_FOUND.close,
];

/** What each message means, by socket and direction. */
const MEANINGS: Readonly<Record<string, string>> = {
  "live hello": "First: the run as it stands, and the name of this watcher",
  "live caught_up": "Once, when history has reached the head; its sequence is a position to resume at",
  "live presence": "On change, at most once a second: who watches, and where; above 50 only how many",
  "live damaged": "These sequences are damaged in the store, and left out",
  "live end": "The run has ended, and all of it was sent; the socket is closed unless `stay=true`",
  "live event": "A line of the log",
  "live ack": "The last sequence that was handled; send one at least every 64 KiB received",
  "live view": "Where this watcher looks, at most once a second",
  "produce hello": "First: the batch number that is expected next",
  "produce ack": "The batch is durable, at these positions; null for an old duplicate, or a batch without lines",
  "produce error": "The batch is refused, for a reason of the table of codes, and nothing of it is stored",
  "produce control": "Something is asked of the producer",
  "produce append": "The first line of a frame: the batch's number. The batch's lines follow in the same frame",
  "workspace hello": "First",
  "workspace run": "A run as it is now: first all that are open, then each that changes",
  "workspace run_deleted": "A run is gone, with all that belonged to it",
};

const meaningOf = (socket: string, message: string): string => {
  if (message === PING) return "Answered without waking anything; a producer's renews its lease";
  if (message === PONG) return "The answer to `ping`";
  return MEANINGS[`${socket} ${message}`] ?? "";
};

/** The sockets as AsyncAPI 3, made from the schemas that validate. */
export function asyncApiDocument(url: URL): object {
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Runcast",
      version: `${PROTOCOL_VERSION}`,
      description: `Text frames of one or more lines, each line one JSON object: with \`sequence\` an event, with \`op\` one of the others. A reader ignores fields and operations it does not know. Each socket names its close codes in \`x-close-codes\`; a client's own code from 3000 comes back to it.`,
      license: { name: "MIT", url: "https://opensource.org/license/mit" },
    },
    defaultContentType: "application/json",
    servers: {
      this: {
        host: url.host,
        protocol: url.protocol === "https:" ? "wss" : "ws",
        security: [
          { type: "http", scheme: "bearer" },
          {
            type: "httpApiKey",
            in: "cookie",
            name: "runcast_session",
            description: "For browsers, from pages of this origin",
          },
        ],
      },
    },
    channels: Object.fromEntries(SOCKETS.map((socket) => [socket.name, channelOf(socket)])),
    operations: Object.fromEntries(SOCKETS.flatMap(operationsOf)),
  };
}

function channelOf({ name, address, subprotocol, description, query, says, hears, closes }: Socket): object {
  const parameters = [...address.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter ?? "");
  return {
    address,
    title: subprotocol,
    description: `${description} Subprotocol \`${subprotocol}\`.`,
    parameters: Object.fromEntries(parameters.map((parameter) => [parameter, { description: "As in the HTTP API" }])),
    messages: Object.fromEntries([...says, ...hears].map((message) => [message.name, messageOf(name, message)])),
    bindings: { ws: { method: "GET", query: schemaOf(query) } },
    "x-close-codes": Object.fromEntries([...CLOSES_ANY, ...closes].map((code) => [code, CLOSE_CODES[code] ?? ""])),
  };
}

/** In the draft that AsyncAPI means when it names none. A reader ignores what it does not know: hence objects as one may send them, open. */
const schemaOf = (schema: z.ZodType): object => {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, {
    unrepresentable: "any",
    io: "input",
    target: "draft-7",
  });
  return rest;
};

const messageOf = (socket: string, { name, schema, contentType }: Message): object => ({
  name,
  summary: meaningOf(socket, name),
  contentType,
  payload: schemaOf(schema),
});

const operationsOf = ({ name, says, hears }: Socket): [string, object][] =>
  [
    { key: `${name}Says`, action: "send", messages: says },
    { key: `${name}Hears`, action: "receive", messages: hears },
  ].map(({ key, action, messages }) => [
    key,
    {
      action,
      channel: { $ref: `#/channels/${name}` },
      messages: messages.map((message) => ({ $ref: `#/channels/${name}/messages/${message.name}` })),
    },
  ]);
