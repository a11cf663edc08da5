import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SseParser } from "./sse-parser.ts";
import { until } from "./testing/until.ts";
import { QUICK, watchedRun } from "./testing/watched-run.ts";
import { nextTransport } from "./transport.ts";
import type { Transport } from "./transport.ts";

describe("which way the next connection goes", () => {
  const first: Transport = { using: "websocket", failures: 0, worked: false };
  const play = (heard: boolean[], from = first) => heard.reduce(nextTransport, from);

  test("two upgrades that bring nothing: server-sent events, for as long as they work", () => {
    expect(play([false]).using).toBe("websocket");
    expect(play([false, false]).using).toBe("sse");
    expect(play([false, false, true, true]).using).toBe("sse");
    expect(play([false, false, true, false]).using).toBe("websocket");
  });

  test("where WebSockets came through before, a restart does not give them up, and they are come back to", () => {
    expect(play([true, false, false, false]).using).toBe("websocket");
    const away = play([true, ...Array<boolean>(6).fill(false)]);
    expect(away.using).toBe("sse");
    expect(nextTransport(away, true).using).toBe("websocket");
  });
});

describe("an event stream", () => {
  const STREAM =
    ': hello\n\nretry: 1000\n\nid: 1\ndata: {"a":1}\n\nid: 2\r\ndata: one\r\ndata: ü🎉\r\n\r\nevent: end\ndata:{}\n\nevent: lost\n\ndata: unfinished';
  const READ = [
    { kind: "comment", text: "hello" },
    { kind: "message", event: "message", data: '{"a":1}' },
    { kind: "message", event: "message", data: "one\nü🎉" },
    { kind: "message", event: "end", data: "{}" },
  ];

  test("reads the same, wherever its pieces are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length), { maxLength: 20 }), (cuts) => {
        const parser = new SseParser();
        const at = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
        const items = at.slice(1).flatMap((end, index) => parser.push(STREAM.slice(at[index], end)));
        expect(items).toEqual(READ);
      }),
    );
  });
});

describe("where WebSockets do not come through", () => {
  const on = watchedRun({ blocksSockets: true });
  const { say, finish, collect } = on;

  test("the same lines come by server-sent events, by themselves, through the same states", async () => {
    say("one", "two");
    const { watch, lines, states } = collect();
    await until(() => watch.connection.kind === "live");
    expect(watch.transport).toBe("sse");
    say("three");
    finish();
    expect(await watch.finished).toEqual({
      kind: "ended",
      status: "succeeded",
      lastSequence: 5,
      sha256: on.run.sha256,
    });
    expect(lines.map(({ line }) => line)).toEqual(on.run.lines.map(({ line }) => line));
    expect(states.slice(-3)).toEqual(["catching_up", "live", "ended"]);
  });

  test("random cuts while lines are written, WebSockets coming and going: 1..N once, in order", () =>
    on.expectEachLineOnce({
      cut: () => on.server.cutWatchers(),
      block: () => void (on.server.blocksSockets = true),
      allow: () => void (on.server.blocksSockets = false),
    }));

  test("a token that no socket here can send: server-sent events from the first connection", async () => {
    const { watch } = collect({ webSocket: undefined });
    expect(watch.transport).toBe("sse");
    finish();
    expect(await watch.finished).toMatchObject({ kind: "ended", lastSequence: 2 });
    expect(() => collect({ webSocket: undefined, transport: "websocket" })).toThrow(TypeError);
  });

  test.each([
    ["a wrong token", { token: "wrong" }, 4401],
    ["an unknown run", { runId: "01890000-0000-7000-8000-000000000000" }, 4404],
  ])("%s is refused once and for all", async (_name, more, code) => {
    const { watch } = collect({ transport: "sse", ...more });
    expect(await watch.finished).toMatchObject({ kind: "refused", code });
  });

  test("a slow watcher stops the reading at the window, and goes on where it was", async () => {
    for (let index = 0; index < 60; index += 1) say("z".repeat(60_000));
    finish();
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    let handed = 0;
    let seen = 0;
    const counting: typeof fetch = async (...request) => {
      const answer = await fetch(...request);
      if (answer.headers.get("content-type") !== "text/event-stream" || answer.body === null) return answer;
      const counted = new TransformStream<Uint8Array, Uint8Array>({
        transform(piece, controller) {
          handed += piece.byteLength;
          controller.enqueue(piece);
        },
      });
      return new Response(answer.body.pipeThrough(counted), answer);
    };
    const { watch } = collect({
      transport: "sse",
      fetch: counting,
      onLines: (lines) => {
        seen += lines.length;
        return gate;
      },
    });
    await until(() => handed > 1024 * 1024);
    await sleep(100);
    expect(handed).toBeLessThan(1.5 * 1024 * 1024);
    release();
    await watch.finished;
    expect(seen).toBe(62);
  });

  test("with stay the watch outlives the end, until it is stopped", async () => {
    const { watch } = collect({
      stay: true,
      transport: "sse",
      timing: { ...QUICK, pingEveryMs: 20, pongWithinMs: 10 },
    });
    finish();
    await until(() => watch.connection.kind === "ended");
    await sleep(60);
    expect(watch.connection).toMatchObject({ kind: "ended", attached: true });
    watch.stop();
    expect(await watch.finished).toEqual({ kind: "stopped" });
  });
});
