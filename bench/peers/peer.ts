import type { WebSocket } from "ws";

/** What Runcast is measured beside, and Runcast itself: each takes the same load through the same calls. */
export type Peer<Server extends PeerServer = PeerServer> = {
  name: string;
  /** In one line, for the table. */
  what: string;
  start: () => Promise<Server>;
};

export type PeerServer<Log extends PeerLog = PeerLog> = {
  /** The process group whose processor time is the server's. */
  group: number;
  /** A log of its own, to put a load on. */
  newLog: () => Promise<Log>;
  stop: () => Promise<void>;
};

export type CountedServer = PeerServer & { url: string };

export type PeerLog = {
  /** Stores the same event so many times, as one batch; resolves when the server has said that they are stored. */
  append: (event: string, times: number) => Promise<void>;
  /** Hands over every byte that comes; resolves when the watcher is there. */
  watch: (received: (bytes: Buffer) => void, options?: WatchOptions) => Promise<Leave>;
  /** The whole log, as the server gives it. */
  read: () => Promise<AsyncIterable<Buffer>>;
  /** Leaves nothing for the server to do that would run beside the next load. */
  finish: () => Promise<void>;
  /** What only some of them can: a socket that gives what comes after so many events, and a log that is an object. */
  socket?: (afterEvents: number, received: (frame: Buffer, socket: WebSocket) => void) => Promise<WebSocket>;
  object?: ObjectLog;
};

export type Leave = () => void;

/** What a watcher offers: a browser always offers to have its frames compressed. */
export type WatchOptions = { isCompressed?: boolean };

/** A log that is a Durable Object. */
export type ObjectLog = {
  /** Takes it out of memory. */
  evict: () => Promise<void>;
  /** The least one can ask that it has to answer itself. */
  ask: () => Promise<void>;
  /** So many events after a place. */
  readWindow: (afterEvent: number, events: number) => Promise<string>;
};
