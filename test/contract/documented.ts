import type { AsyncApi, OpenApi } from "../support/contract.ts";

/** Everything that the two documents promise, each by the name under which a test's traffic is noted (`Contract`). */

/** An answer is its route, its status, and what tells it from others of that status: a refusal's code, else the media type. */
export const answerName = (method: string, template: string, status: number | string, what: string): string =>
  `${method} ${template} ${status} ${what}`.trimEnd();

export const messageName = (channel: string, direction: "Says" | "Hears", message: string): string =>
  `${channel} ${direction.toLowerCase()} ${message}`;

export const closeName = (channel: string, code: number | string): string => `${channel} closes ${code}`;

/** What the description says in words, because it is not of any one route. */
export const OTHER_PATH = "any other path 404 NOT_FOUND";
export const OTHER_METHOD = "any other method 405 METHOD_NOT_ALLOWED";

export const documentedNames = (openapi: OpenApi, asyncapi: AsyncApi): string[] => [
  ...answersOf(openapi),
  OTHER_PATH,
  OTHER_METHOD,
  ...messagesOf(asyncapi),
  ...closesOf(asyncapi),
];

const answersOf = ({ paths }: OpenApi): string[] =>
  Object.entries(paths).flatMap(([template, item]) =>
    Object.entries(item).flatMap(([method, { responses }]) =>
      Object.entries(responses).flatMap(([status, { "x-codes": codes, content = {} }]) => {
        const kinds = codes ?? Object.keys(content);
        return (kinds.length === 0 ? [""] : kinds).map((what) =>
          answerName(method.toUpperCase(), template, status, what),
        );
      }),
    ),
  );

const messagesOf = ({ channels, operations }: AsyncApi): string[] =>
  Object.keys(channels).flatMap((channel) =>
    (["Says", "Hears"] as const).flatMap((direction) =>
      (operations[`${channel}${direction}`]?.messages ?? []).map(({ $ref }) =>
        messageName(channel, direction, $ref.split("/").at(-1) ?? ""),
      ),
    ),
  );

const closesOf = ({ channels }: AsyncApi): string[] =>
  Object.entries(channels).flatMap(([channel, { "x-close-codes": codes }]) =>
    Object.keys(codes).map((code) => closeName(channel, code)),
  );
