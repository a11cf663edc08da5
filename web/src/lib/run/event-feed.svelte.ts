import { orThrow } from "../../../../client/runcast-error.ts";
import type { RuncastApi } from "../../../../client/api.ts";
import type { RunEvent } from "../../../../protocol/event.ts";
import { EventFeed, type FeedRange, type FeedState } from "./event-feed.ts";

/** An event feed of one run, as the page sees it. */
export class EventFeedView {
  events: readonly RunEvent[] = $state.raw([]);
  state: FeedState = $state.raw("idle");
  isCut = $state(false);
  readonly #feed: EventFeed;

  constructor(api: RuncastApi, runId: string, range: FeedRange, signal: AbortSignal) {
    this.#feed = new EventFeed(
      range,
      async (query) => orThrow(await api.readLines(runId, new URLSearchParams(query), signal)),
      () => {
        this.events = this.#feed.events;
        this.state = this.#feed.state;
        this.isCut = this.#feed.isCut;
      },
    );
  }

  load(): void {
    void this.#feed.load();
  }

  take(events: readonly RunEvent[]): void {
    this.#feed.take(events);
  }
}
