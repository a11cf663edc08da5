import type { SegmentKey } from "../ports.ts";
import type { LogPlaces } from "./read-log.ts";

/** The same places; of an open run's segments so many are asked for before the reader comes to them. [READ5] */
export function readingAhead(ahead: number, places: LogPlaces): LogPlaces {
  if (ahead === 0) return places;
  let listed: readonly SegmentKey[] = [];
  const asked = new Map<number, Promise<string | null>>();
  const ask = (segment: SegmentKey): Promise<string | null> => {
    const answer = asked.get(segment.firstSequence) ?? places.readSegment(segment);
    asked.set(segment.firstSequence, answer);
    // What fails is told when it is its turn, and to nobody when no reader comes to it.
    answer.catch(() => {});
    return answer;
  };
  return {
    ...places,
    async tail(afterSequence) {
      const tail = await places.tail(afterSequence);
      listed = tail.kind === "tail" ? tail.segments : [];
      asked.clear();
      return tail;
    },
    readSegment(segment) {
      const answer = ask(segment);
      const at = listed.findIndex(({ firstSequence }) => firstSequence === segment.firstSequence);
      if (at >= 0) for (const next of listed.slice(at + 1, at + 1 + ahead)) void ask(next);
      asked.delete(segment.firstSequence);
      return answer;
    },
  };
}
