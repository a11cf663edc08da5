import { DurableStreamTestServer } from "@durable-streams/server";
import { readFolder, servePeer } from "./serve-peer.ts";

/** The reference server of the Durable Streams protocol, file-backed: an append is answered after fdatasync. */
const server = new DurableStreamTestServer({ port: 0, dataDir: readFolder(), compression: false });
servePeer({ url: await server.start(), stop: async () => process.exit() });
