/** The version of everything that crosses a boundary. It moves only with a change that an old client cannot read. */
export const PROTOCOL_VERSION = 1;

export const LIVE_SUBPROTOCOL = "runcast.v1";
export const PRODUCE_SUBPROTOCOL = "runcast.produce.v1";
export const WORKSPACE_SUBPROTOCOL = "runcast.workspace.v1";

export const SUMMARY_SCHEMA = "runcast.summary/v1";

/** The event, as `envelope=full` names it. */
export const EVENT_SCHEMA = "runcast.event/v1";
