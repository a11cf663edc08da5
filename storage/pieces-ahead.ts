/**
 * The pieces of a body in order, so many of them asked for before the reader comes to them: a reader that has to think about each piece need not wait for
 * the next one too. So many and the one that is read are held, no more.
 */
export async function* piecesAhead<Piece>(from: {
  first: () => Promise<Piece>;
  offsets: { from: number; to: number; step: number };
  ahead: number;
  ask: (offset: number) => Promise<Piece>;
}): AsyncGenerator<Piece> {
  const { offsets, ahead, ask } = from;
  const asked = [expected(from.first())];
  let next = offsets.from;
  for (;;) {
    for (; next < offsets.to && asked.length <= ahead; next += offsets.step) asked.push(expected(ask(next)));
    const piece = asked.shift();
    if (piece === undefined) return;
    yield await piece;
  }
}

/** What fails is told when it is its turn, and to nobody when no reader comes to it. */
function expected<Piece>(piece: Promise<Piece>): Promise<Piece> {
  piece.catch(() => {});
  return piece;
}
