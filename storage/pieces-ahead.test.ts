import { expect, test } from "vitest";
import { piecesAhead } from "./pieces-ahead.ts";

const offsets = { from: 10, to: 95, step: 10 };

test.each([0, 1, 4, 100])("with %d pieces ahead all come in order, and no more are asked for", async (ahead) => {
  const asked: number[] = [];
  const read: number[] = [];
  const first = async (): Promise<number> => 0;
  const ask = async (offset: number): Promise<number> => {
    asked.push(offset);
    return offset;
  };
  for await (const piece of piecesAhead({ first, offsets, ahead, ask })) {
    read.push(piece);
    expect(asked.length).toBe(Math.min(9, read.length - 1 + ahead));
  }
  expect(read).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
});

test("a piece that cannot be had is told when it is its turn", async () => {
  const ask = async (offset: number): Promise<number> => {
    if (offset >= 30) throw new Error("R2 is away");
    return offset;
  };
  const read: number[] = [];
  const readAll = async (): Promise<void> => {
    for await (const piece of piecesAhead({ first: async () => 0, offsets, ahead: 4, ask })) read.push(piece);
  };
  await expect(readAll()).rejects.toThrow("R2 is away");
  expect(read).toEqual([0, 10, 20]);
});
