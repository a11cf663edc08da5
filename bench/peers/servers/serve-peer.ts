/** A server of a peer, in a process of its own: what the measuring process may ask of it besides HTTP. */
type PeerServer = {
  url: string;
  /** Takes the log's object out of memory. */
  evict?: (log: string) => Promise<void>;
  stop: () => Promise<void>;
};

export type Asked = { evict: string };
export type Told = { ready: string } | { done: string };

/** Says where it is served, does what it is asked, and ends with the process that started it, however that ends. */
export function servePeer(server: PeerServer): void {
  const tell = (told: Told): void => void process.send?.(told);
  process.on("message", ({ evict }: Asked) => {
    if (server.evict === undefined) throw new Error("nothing can be evicted here");
    void server.evict(evict).then(() => tell({ done: evict }));
  });
  process.once("disconnect", () => void server.stop().then(() => process.exit()));
  tell({ ready: server.url });
}

/** Where this process may keep its state. */
export function readFolder(): string {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error("give the folder for its state");
  return folder;
}
