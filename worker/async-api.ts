import { z } from "zod";
import { ERROR_CODES } from "../protocol/error-code.ts";
import { runEventSchema } from "../protocol/event.ts";
import {
  producerAppendSchema,
  producerFrameSchema,
  watcherCommandSchema,
  watcherFrameSchema,
  workspaceFrameSchema,
} from "../protocol/frames.ts";
import { LIVE_SUBPROTOCOL, PRODUCE_SUBPROTOCOL, PROTOCOL_VERSION, WORKSPACE_SUBPROTOCOL } from "../protocol/version.ts";

type Socket = {
  name: string;
  address: string;
  subprotocol: string;
  /** What the server says. */
  says: Record<string, z.ZodType>;
  /** What the server hears. */
  hears: Record<string, z.ZodType>;
};

/** The sockets of the contract. A frame is one or more lines, each line one JSON value of these. */
const SOCKETS: readonly Socket[] = [
  {
    name: "live",
    address: "/api/runs/{run_id}/live",
    subprotocol: LIVE_SUBPROTOCOL,
    says: { watcherFrame: watcherFrameSchema, event: runEventSchema },
    hears: { watcherCommand: watcherCommandSchema },
  },
  {
    name: "produce",
    address: "/api/runs/{run_id}/produce",
    subprotocol: PRODUCE_SUBPROTOCOL,
    says: { producerFrame: producerFrameSchema },
    hears: { producerAppend: producerAppendSchema },
  },
  {
    name: "workspace",
    address: "/api/workspaces/{workspace_id}/live",
    subprotocol: WORKSPACE_SUBPROTOCOL,
    says: { workspaceFrame: workspaceFrameSchema },
    hears: {},
  },
];

/** The sockets as AsyncAPI 3, made from the schemas that validate. */
export function asyncApiDocument(url: URL): object {
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Runcast",
      version: `${PROTOCOL_VERSION}`,
      description: `Text frames of one or more lines, each line one JSON object. \`ping\` is answered \`pong\`. Close codes: ${closeCodes()}.`,
    },
    servers: { this: { host: url.host, protocol: url.protocol === "https:" ? "wss" : "ws" } },
    channels: Object.fromEntries(SOCKETS.map((socket) => [socket.name, channelOf(socket)])),
    operations: Object.fromEntries(SOCKETS.flatMap(operationsOf)),
  };
}

function channelOf({ address, subprotocol, says, hears }: Socket): object {
  const names = [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
  return {
    address,
    description: `WebSocket, subprotocol ${subprotocol}`,
    parameters: Object.fromEntries(names.map((name) => [name, {}])),
    messages: Object.fromEntries(
      Object.entries({ ...says, ...hears }).map(([name, schema]) => [
        name,
        { contentType: "application/json", payload: z.toJSONSchema(schema, { unrepresentable: "any", io: "input" }) },
      ]),
    ),
  };
}

const operationsOf = ({ name, says, hears }: Socket): [string, object][] =>
  [
    { key: `${name}Says`, action: "send", messages: says },
    { key: `${name}Hears`, action: "receive", messages: hears },
  ]
    .filter(({ messages }) => Object.keys(messages).length > 0)
    .map(({ key, action, messages }) => [
      key,
      {
        action,
        channel: { $ref: `#/channels/${name}` },
        messages: Object.keys(messages).map((message) => ({ $ref: `#/channels/${name}/messages/${message}` })),
      },
    ]);

function closeCodes(): string {
  const codes = Object.values(ERROR_CODES).flatMap((row) => ("close" in row ? [row.close] : []));
  return [...new Set<number>([1000, 1012, 4408, ...codes])].sort((a, b) => a - b).join(", ");
}
