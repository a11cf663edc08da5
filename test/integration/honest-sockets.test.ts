import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import { runs, untilFailure } from "../simulation/settings.ts";
import { ApiSocket } from "../support/api-socket.ts";
import { consoleLine, contractOf, type Api } from "../support/api.ts";
import { randomSocket, type RandomFrame, type RandomSocket } from "../support/arbitrary-frames.ts";
import type { Contract } from "../support/contract.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { SocketScene } from "../support/socket-scene.ts";
import { takeSocketFaults } from "../support/socket-traffic.ts";
import { waitUntil } from "../support/wait-until.ts";

let inspected: InspectedServer;
let api: Api;
let contract: Contract;
/** What the server says on standard error: of anything that a client can send, nothing. */
const said: string[] = [];
const archived = { ended: "", large: "" };
let scene: SocketScene;

beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
  contract = await contractOf(api.url);
  // More than a window, so that one who acknowledges nothing is still being served when its frames come.
  for (const [name, lines] of [
    ["ended", 3],
    ["large", 1_500],
  ] as const) {
    archived[name] = (await api.createRun({ name })).run_id;
    await api.add(
      archived[name],
      Array.from({ length: lines }, () => consoleLine("x".repeat(1_000))),
    );
    await api.complete(archived[name]);
    await inspected.archived(archived[name]);
  }
  scene = await SocketScene.open(api);
  const write = process.stderr.write.bind(process.stderr);
  vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0 && write(text));
});
afterAll(async () => {
  vi.restoreAllMocks();
  await inspected.remove();
});

/** Reading a log grows with it; an ended run takes no producer any more. */
const MOST_LINES = 4_000;
async function freshScene(): Promise<SocketScene> {
  if (scene.head < MOST_LINES && (await scene.isOpen())) return scene;
  await scene.close();
  return (scene = await SocketScene.open(api));
}

function open(random: RandomSocket, { runId }: SocketScene): ApiSocket {
  const NONE = "0194a8e0-0000-7000-8000-000000000000";
  const id = { open: runId, ...archived, none: NONE }[random.of];
  const workspace = random.of === "none" ? "none" : "default";
  const path = random.kind === "workspace" ? `/api/workspaces/${workspace}/live` : `/api/runs/${id}/${random.kind}`;
  const { viewToken: viewer, operatorToken: operator } = inspected;
  const token = { viewer, operator, administrator: api.token, nobody: null }[random.as];
  const origins = { none: {}, own: { origin: api.url }, other: { origin: "https://elsewhere.example" } };
  return new ApiSocket(api, `${path}?${new URLSearchParams(random.query)}`, { token, ...origins[random.origin] });
}

/** Sends it; answers with what arrives at the other end as text, null for bytes. */
function send(socket: ApiSocket, frame: RandomFrame, expected: number): string | null {
  switch (frame.kind) {
    case "text":
      socket.send(frame.text);
      return frame.text.toWellFormed();
    case "parts": {
      const parts = [frame.text.slice(0, frame.at), frame.text.slice(frame.at)];
      for (const [at, part] of parts.entries()) socket.socket.send(part, { fin: at === 1 });
      return parts.map((part) => part.toWellFormed()).join("");
    }
    case "bytes":
      socket.socket.send(frame.bytes, { binary: frame.isBinary });
      return frame.isBinary ? null : frame.bytes.toString();
    case "batch": {
      const text = `{"op":"append","producer_sequence":${expected + frame.ahead}}\n${frame.lines}`;
      socket.send(text);
      return text.toWellFormed();
    }
  }
}

type Fate = "taken" | "pong" | "answered" | 4400 | 4413;

const isEnd = (fate: Fate): fate is 4400 | 4413 => typeof fate === "number";

/** What becomes of a frame, by the document alone. */
function fateOf(kind: RandomSocket["kind"], frame: string | null): Fate {
  if (frame === null) return 4400;
  if (frame === "ping") return "pong";
  const isHeard = (line: string): boolean => contract.frameFaultOf(kind, "Hears", line) === null;
  const lines = frame.replace(/\n$/, "").split("\n");
  switch (kind) {
    case "workspace":
      return 4400;
    case "live":
      return Buffer.byteLength(frame) <= LIMITS.watcherFrameBytes && lines.every(isHeard) ? "taken" : 4400;
    case "produce": {
      const [head = "", ...batch] = frame.split("\n");
      if (head === "ping" || !isHeard(head)) return 4400;
      return Buffer.byteLength(batch.join("\n")) <= LIMITS.appendBodyBytes ? "answered" : 4413;
    }
  }
}

const answersOf = ({ frames }: ApiSocket): ApiSocket["frames"] =>
  frames.filter(({ op }) => op === "ack" || op === "error");

/** The lines that were stored of what was sent, by the server's own word. */
const acknowledged = (socket: ApiSocket): number =>
  answersOf(socket).reduce((sum, { op, duplicate, first_sequence: first, last_sequence: last }) => {
    const isNew = op === "ack" && duplicate === false && typeof first === "number";
    return isNew ? sum + Number(last) - first + 1 : sum;
  }, 0);

/** Sends all frames, of which those behind the one that closes the socket are nothing any more, and waits until what the document says of them has come true. Answers with how it ended. */
async function live(random: RandomSocket, socket: ApiSocket, { runId }: SocketScene): Promise<string> {
  let expected = Number(socket.frames[0]?.["expected"] ?? 0);
  const fates: Fate[] = [];
  for (const [at, frame] of random.frames.entries()) {
    if (random.evictBefore === at) await inspected.evict(runId, "hibernate");
    const fate = fateOf(random.kind, send(socket, frame, expected));
    if (!fates.some(isEnd)) fates.push(fate);
    if (frame.kind === "batch" && frame.ahead === 0) expected += 1;
  }
  const due = (fate: Fate): number => fates.filter((each) => each === fate).length;
  const isAnswered = (): boolean => socket.pongs >= due("pong") && answersOf(socket).length >= due("answered");
  const closes = fates.find(isEnd);
  await waitUntil(
    "every frame has its answer",
    () => socket.closing !== null || (closes === undefined && isAnswered()),
    {
      everyMs: 2,
    },
  );
  if (socket.closing === null) {
    expect([socket.pongs, answersOf(socket).length]).toEqual([due("pong"), due("answered")]);
    return leave(random, socket);
  }
  const isFenced = socket.frames.some((frame) => frame.op === "error" && frame["code"] === "PRODUCER_FENCED");
  // All of a finished run may have been sent before a frame was heard.
  const mayEnd = random.kind === "live" && random.of !== "open" ? [1000] : [];
  expect([...(closes === undefined ? [] : [closes]), ...(isFenced ? [4409] : []), ...mayEnd]).toContain(
    socket.closing.code,
  );
  return `${random.kind} closed ${socket.closing.code}`;
}

async function leave({ kind, of, leave: how }: RandomSocket, socket: ApiSocket): Promise<string> {
  if (kind === "live") {
    // Frames are heard in their order: those before this one were taken if this is the one that is not.
    socket.socket.send(Buffer.of(1), { binary: true });
    const { code, reason } = await socket.closed();
    if (of === "open" || code !== 1000) expect([code, reason]).toEqual([4400, "frames are text"]);
  } else if (how.kind === "cut") {
    socket.socket.terminate();
  } else {
    socket.close(how.code);
    expect((await socket.closed()).code).toBe(how.code ?? 1000);
  }
  return `${kind} lived`;
}

test(
  "the documents are honest of sockets: no random life of one, valid or broken, gets an undocumented answer or end, changes what it may not, or disturbs another",
  { timeout: 1_800_000 },
  async () => {
    const ends = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(randomSocket(contract), async (random) => {
        const around = await freshScene();
        const socket = open(random, around);
        await waitUntil("it is greeted, refused or closed", () => socket.frames.length > 0 || socket.closing !== null, {
          everyMs: 2,
        });
        const isIn = socket.frames.length > 0;
        const end = isIn
          ? await live(random, socket, around)
          : `refused ${socket.refusal?.status ?? socket.closing?.code}`;
        ends.set(end, (ends.get(end) ?? 0) + 1);

        expect(await takeSocketFaults()).toEqual([]);
        expect(said.splice(0)).toEqual([]);
        await around.expectGrown(acknowledged(socket));
        expect((await api.ask("GET", "/api/health")).status).toBe(200);
      }),
      { ...runs(300), ...untilFailure },
    );
    await scene.close();
    // A search that is refused at the door, or never refused, has looked at nothing.
    expect([...ends.keys()]).toEqual(
      expect.arrayContaining([
        "live lived",
        "live closed 4400",
        "workspace lived",
        "workspace closed 4400",
        "produce lived",
        "produce closed 4400",
        "produce closed 4413",
        "refused 401",
        "refused 403",
        "refused 4401",
        "refused 4403",
        "refused 4409",
      ]),
    );
  },
);
