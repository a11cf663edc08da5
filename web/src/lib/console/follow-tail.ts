/**
 * Whether the console follows the end of the log. A new line never takes the scroll from someone who is reading: following ends the
 * moment one moves up, and begins again only where one meets the end, or asks for it.
 */
export type FollowTail =
  | { kind: "following" }
  | { kind: "reading"; /** The head when one stopped following. */ since: number };

export const FOLLOWING: FollowTail = { kind: "following" };

/** After a movement by the reader, not one the page made itself. */
export function followAfterScroll(
  tail: FollowTail,
  move: { byPx: number; isAtEnd: boolean; head: number },
): FollowTail {
  if (move.isAtEnd && move.byPx >= 0) return FOLLOWING;
  if (move.byPx < 0 && !move.isAtEnd) return stopFollowing(tail, move.head);
  return tail;
}

/** The reader went to a place of their own: a link, a key, the gutter. */
export const stopFollowing = (tail: FollowTail, head: number): FollowTail =>
  tail.kind === "reading" ? tail : { kind: "reading", since: head };

/** Rows that have come since one stopped following: a line that only grows is none. */
export const newRows = (tail: FollowTail, head: number, rowsUpTo: (sequence: number) => number): number =>
  tail.kind === "following" ? 0 : Math.max(0, rowsUpTo(head) - rowsUpTo(tail.since));
