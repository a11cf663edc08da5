/** Every refusal Runcast can give: its HTTP status, the WebSocket close code where one exists, and whether the same request may be tried again. */
export const ERROR_CODES = {
  INVALID_QUERY: { status: 400, title: "The query or a header cannot be read", retry: false, close: 4400 },
  UNAUTHENTICATED: { status: 401, title: "Not signed in", retry: false, close: 4401 },
  FORBIDDEN: { status: 403, title: "Not allowed", retry: false, close: 4403 },
  ORIGIN_REFUSED: { status: 403, title: "Another origin may not do this", retry: false, close: 4403 },
  PRODUCER_FENCED: { status: 403, title: "A newer epoch of this producer has taken over", retry: false, close: 4409 },
  NOT_FOUND: { status: 404, title: "Nothing is here", retry: false, close: 4404 },
  RUN_NOT_FOUND: { status: 404, title: "No such run", retry: false, close: 4404 },
  WORKSPACE_NOT_FOUND: { status: 404, title: "No such workspace", retry: false, close: 4404 },
  ARTIFACT_NOT_FOUND: { status: 404, title: "No such artifact", retry: false },
  METHOD_NOT_ALLOWED: { status: 405, title: "This route does not know that method", retry: false },
  NOT_ACCEPTABLE: { status: 406, title: "None of the accepted media types can be given", retry: false },
  RUN_ENDED: { status: 409, title: "The run has ended", retry: false, close: 4409 },
  RUN_OPEN: { status: 409, title: "The run is still open", retry: false },
  RUN_NOT_CANCELLABLE: { status: 409, title: "The run has ended another way", retry: false },
  ILLEGAL_MOVE: { status: 409, title: "The run cannot move to that status", retry: false },
  PRODUCER_GAP: { status: 409, title: "An earlier batch of this producer is missing", retry: false },
  ARTIFACT_DIFFERS: { status: 409, title: "An artifact of that name has other bytes", retry: false },
  ARTIFACT_LIMIT: { status: 409, title: "The run has as many artifacts as it may have", retry: false },
  ARTIFACT_MISSING: { status: 410, title: "The stored artifact is missing", retry: false },
  LOG_INCOMPLETE: { status: 410, title: "The stored log is missing", retry: false, close: 4404 },
  PRECONDITION_FAILED: { status: 412, title: "It was changed since you read it", retry: false },
  PAYLOAD_TOO_LARGE: { status: 413, title: "Too large", retry: false, close: 4413 },
  EVENT_TOO_LARGE: { status: 413, title: "An event is too large", retry: false, close: 4413 },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: "This content type is not understood", retry: false },
  RANGE_NOT_SATISFIABLE: { status: 416, title: "That range is outside the log", retry: false },
  HOST_REFUSED: { status: 421, title: "This server does not answer to that host name", retry: false },
  INVALID_JSON: { status: 422, title: "The body is not JSON", retry: false },
  INVALID_BODY: { status: 422, title: "The body breaks a rule", retry: false },
  INVALID_EVENT: { status: 422, title: "An event breaks a rule", retry: false, close: 4400 },
  RESERVED_TYPE: { status: 422, title: "Only the server writes events of this type", retry: false },
  INVALID_PRODUCER: { status: 422, title: "The producer fields break a rule", retry: false },
  IDEMPOTENCY_MISMATCH: { status: 422, title: "This Idempotency-Key was used with another body", retry: false },
  UPGRADE_REQUIRED: { status: 426, title: "This route is a WebSocket", retry: false },
  TOO_MANY_REQUESTS: { status: 429, title: "Too many requests", retry: true, close: 4429 },
  TOO_MANY_WATCHERS: { status: 429, title: "Too many watchers", retry: true, close: 4429 },
  UNFLUSHED_LIMIT: { status: 429, title: "The archive cannot keep up", retry: true },
  INTERNAL: { status: 500, title: "Runcast failed", retry: true },
  STORAGE_UNAVAILABLE: { status: 503, title: "The storage cannot be reached", retry: true, close: 1012 },
} as const satisfies Record<string, { status: number; title: string; retry: boolean; close?: number }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A refusal before it becomes an HTTP answer or a close frame. `line` counts physical lines or array items from 1. */
export type Refusal = {
  code: ErrorCode;
  detail: string;
  line?: number;
  expected?: number;
  /** What had been stored already, of a body that is taken as it arrives. */
  stored?: { first_sequence: number | null; last_sequence: number | null; accepted: number };
};

/** Close codes that are not refusals. */
export const CLOSE_NORMAL = 1000;
export const CLOSE_RESTART = 1012;
export const CLOSE_TOO_SLOW = 4408;
