import { node, nodeGather } from "./node.ts";
import { naive, raw } from "./objects.ts";
import type { Peer } from "./peer.ts";
import { runcast } from "./runcast.ts";
import { streams } from "./streams.ts";

/** Runcast first: every ratio is its figure to a peer's. */
export const PEERS: readonly Peer[] = [runcast, raw, naive, node, nodeGather, streams];
export const OBJECT_PEERS: readonly Peer[] = [runcast, raw, naive];
