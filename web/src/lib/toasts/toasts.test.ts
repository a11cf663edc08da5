import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../../protocol/event.ts";
import { ConnectionNews, newsOf } from "./connection-news.ts";
import { addToast, shownForMs, type Toast } from "./toast-list.ts";

describe("the list of what happened", () => {
  const toast = (key: string): Omit<Toast, "id"> => ({ key, text: key, tone: "quiet" });
  test("news of the same matter takes the place of the older", () => {
    const list = addToast(addToast([], 1, toast("a")), 2, toast("a"));
    expect(list.map(({ id }) => id)).toEqual([2]);
  });
  test("there are never more than one can read", () => {
    const list = ["a", "b", "c", "d"].reduce<Toast[]>((all, key, id) => addToast(all, id, toast(key)), []);
    expect(list.map(({ key }) => key)).toEqual(["b", "c", "d"]);
  });
  test("what failed stays until it is dismissed", () => {
    expect(shownForMs({ ...toast("a"), tone: "bad" })).toBe(null);
    expect(shownForMs(toast("a"))).toBeGreaterThan(3_000);
  });
});

describe("a connection", () => {
  const said = (...kinds: Parameters<ConnectionNews["next"]>[0][]): number => {
    const news = new ConnectionNews();
    return kinds.filter((kind) => news.next(kind) !== null).length;
  };
  test("that came up and stayed is no news", () => expect(said("connecting", "catching_up", "live", "ended")).toBe(0));
  test("that was cut is told once it is back, once", () =>
    expect(said("live", "reconnecting", "reconnecting", "catching_up", "live", "ended")).toBe(1));
  test("the run's end counts as being back", () => expect(said("live", "reconnecting", "ended")).toBe(1));
});

test("degraded and restored are about the same matter, so one takes the other's place", () => {
  const event = (type: string): RunEvent => ({ sequence: 3, type, created_at: "", payload: { part: "archive" } });
  const [degraded, recovered] = [newsOf(event("log.degraded")), newsOf(event("log.recovered"))];
  expect([degraded?.tone, recovered?.tone]).toEqual(["warning", "good"]);
  expect(degraded?.key).toBe(recovered?.key);
  expect(newsOf(event("console.line"))).toBe(null);
});
