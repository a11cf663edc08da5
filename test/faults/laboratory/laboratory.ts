import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Run } from "../../../protocol/api.ts";
import type { Api } from "../../support/api.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { FollowingWatcher } from "../../support/watcher.ts";
import { NO_FAULTS, type FaultRates } from "./binding-faults.ts";
import { checkRun, checkSample, type Subject } from "./checker.ts";
import { LaboratoryProducer } from "./laboratory-producer.ts";
import type { LaboratoryServer } from "./laboratory-server.ts";
import { LaboratoryUpload } from "./laboratory-upload.ts";
import { Random } from "./random.ts";
import { layoutFault, type StoredKey } from "./stored-layout.ts";
import { UnderWay } from "./under-way.ts";

const RUNS = 3;
const PRODUCERS = 8;
const WATCHERS = 20;
/** How long a round is attacked before its runs end; the seed says how long of these. */
const ROUND_MS = [2_000, 6_000] as const;
const ENDING_MS = 3_000;
/** How soon everything must be well again after the last fault. */
const HEAL_MS = 30_000;
const ALL_FAIL: FaultRates = { fail: 1, hang: 0, failAfter: 0 };
const UNSURE: FaultRates = { fail: 0.2, hang: 0.1, failAfter: 0.4 };

/** What was done to the server, and what was looked at afterwards. */
export type LaboratoryReport = {
  seed: number;
  seconds: number;
  rounds: number;
  kills: number;
  evictions: number;
  crashes: number;
  cuts: number;
  clockJumps: number;
  cancels: number;
  uploads: number;
  producerRetries: number;
  batches: number;
  events: number;
  runs: number;
  watchers: number;
  /** From a kill until a watcher that was there has its next line, the restart included. */
  continuedAfterMs: number[];
};

/** Attacks the server round after round for so long, and demands after each that nothing is lost, twice, or out of order anywhere. */
export async function attack(server: LaboratoryServer, seed: number, seconds: number): Promise<LaboratoryReport> {
  const report: LaboratoryReport = {
    seed,
    seconds: 0,
    rounds: 0,
    kills: 0,
    evictions: 0,
    crashes: 0,
    cuts: 0,
    clockJumps: 0,
    cancels: 0,
    uploads: 0,
    producerRetries: 0,
    batches: 0,
    events: 0,
    runs: 0,
    watchers: 0,
    continuedAfterMs: [],
  };
  const random = new Random(seed);
  const startedAt = Date.now();
  while (Date.now() - startedAt < seconds * 1_000) {
    await new Round(server, random, report).run(random.between(...ROUND_MS));
    report.rounds += 1;
    report.seconds = Math.round((Date.now() - startedAt) / 1_000);
  }
  return report;
}

class Round {
  readonly #server: LaboratoryServer;
  readonly #api: Api;
  readonly #random: Random;
  readonly #report: LaboratoryReport;
  readonly #subjects: Subject[] = [];
  readonly #background = new UnderWay();
  #isEnding = false;

  constructor(server: LaboratoryServer, random: Random, report: LaboratoryReport) {
    this.#server = server;
    this.#api = server.api;
    this.#random = random;
    this.#report = report;
  }

  async run(durationMs: number): Promise<void> {
    await this.#set(NO_FAULTS, NO_FAULTS);
    await this.#begin();
    await this.#set(this.#rates(), this.#rates());
    await this.#disturbFor(durationMs);
    // Two who both want to end it: one does. What follows the end is attacked like everything before it.
    await this.#set(...this.#endingRates());
    this.#isEnding = true;
    for (const { runId } of this.#subjects) {
      for (const producerId of ["a", "b"])
        this.#background.add(`the end of ${runId} by ${producerId}`, endRun(this.#api, runId, producerId));
    }
    await this.#disturbFor(ENDING_MS);
    await this.#heal();
    await this.#check();
  }

  async #disturbFor(durationMs: number): Promise<void> {
    for (const until = Date.now() + durationMs; Date.now() < until;) {
      await this.#disturb();
      for (const subject of this.#isEnding ? this.#subjects : [this.#subject()])
        this.#background.add("a look into R2", this.#look(subject));
      this.#expectNoFault();
      await sleep(this.#random.between(10, 150));
    }
  }

  async #begin(): Promise<void> {
    for (let at = 0; at < RUNS; at += 1) {
      this.#subjects.push({
        runId: await createRun(this.#api),
        producers: [],
        watchers: [],
        uploads: [],
        sample: "",
        faults: [],
      });
    }
    for (let at = 0; at < PRODUCERS; at += 1) {
      const subject = this.#subject();
      // Some logs stay below one put, others become segments and several parts.
      const paddings = this.#random.chance(0.6) ? [0, 10, 60_000] : [0, 0, 200];
      const random = new Random(this.#random.below(2 ** 31));
      subject.producers.push(new LaboratoryProducer(this.#api, subject.runId, `p${at}`, random, paddings));
    }
    for (let at = 0; at < WATCHERS; at += 1) this.#watch(this.#subject());
  }

  #watch({ runId, watchers }: Subject): void {
    const ack = this.#random.chance(0.7) ? "at once" : this.#random.between(1, 300);
    watchers.push(new FollowingWatcher(this.#api, runId, { ack }));
  }

  #subject(): Subject {
    const subject = this.#random.pick(this.#subjects);
    if (subject === undefined) throw new Error("a round has runs");
    return subject;
  }

  /** Only a kill is waited for: everything else happens while the next one does. */
  async #disturb(): Promise<void> {
    const at = this.#random.fraction();
    if (at < 0.06) return this.#kill();
    if (at < 0.15) return this.#evict(this.#subject());
    if (at < 0.3) return this.#crash(this.#subject());
    if (at < 0.45) return this.#cut();
    if (at < 0.55) return this.#watch(this.#subject());
    // An outage at the end is not over before the end is.
    if (at < 0.7 && !this.#isEnding) return this.#set(this.#rates(), this.#rates());
    if (at < 0.74) return this.#jump();
    if (at < 0.75) return this.#cancel();
    if (at < 0.78) return this.#background.add("an early end", endRun(this.#api, this.#subject().runId, "early"));
    if (at < 0.82) return this.#upload();
    return this.#background.add("a sample", this.#sample(this.#subject()));
  }

  /** An object goes when nothing is under way in it, or in the middle of everything. */
  #evict({ runId }: Subject): void {
    const evicted = this.#server.evict(runId).then((isEvicted) => {
      if (isEvicted) this.#report.evictions += 1;
    });
    this.#background.add(`an eviction of ${runId}`, evicted);
  }

  #crash({ runId }: Subject): void {
    this.#report.crashes += 1;
    this.#background.add(`a crash of ${runId}`, this.#server.crash(runId));
  }

  #cut(): void {
    const { watchers } = this.#subject();
    for (let cuts = this.#random.between(1, 5); cuts > 0; cuts -= 1) {
      this.#report.cuts += 1;
      this.#random.pick(watchers)?.cut();
    }
  }

  /** The clock of the machine is set, forwards or back. Objects that start anew see it. */
  async #jump(): Promise<void> {
    this.#report.clockJumps += 1;
    const clockOffsetMs = this.#server.settings.clockOffsetMs + this.#random.between(-120_000, 120_000);
    await this.#server.set({ ...this.#server.settings, clockOffsetMs });
    for (const subject of this.#subjects) this.#crash(subject);
  }

  #cancel(): void {
    this.#report.cancels += 1;
    const { runId } = this.#subject();
    const cancelled = this.#api.ask("POST", `/api/runs/${runId}/cancel?force=true`, { timeoutMs: 5_000 });
    this.#background.add(`a cancel of ${runId}`, cancelled);
  }

  /** Most are one put, some several parts. */
  #upload(): void {
    this.#report.uploads += 1;
    const { runId, uploads } = this.#subject();
    const bytes = this.#random.pick([0, 300, 200_000, 11_000_000]) ?? 0;
    const upload = new LaboratoryUpload(this.#api, runId, `file-${uploads.length}`, bytes);
    uploads.push(upload);
    this.#background.add(`${upload.name} of ${runId}`, upload.answered);
  }

  /** What a reader is given in the middle of it all. */
  async #sample(subject: Subject): Promise<void> {
    const acknowledged = subject.producers.flatMap(({ batches }) => batches.filter(({ answer }) => answer !== null));
    const answer = await this.#api.ask("GET", `/api/runs/${subject.runId}/events`, { timeoutMs: 5_000 });
    if (answer.status !== 200) return;
    try {
      checkSample(subject, answer.text, acknowledged);
    } catch (error) {
      subject.faults.push(error);
    }
  }

  /** At what R2 has of a run just now. */
  async #look({ runId, faults }: Subject): Promise<StoredKey[]> {
    const keys = await this.#server.keys(runId);
    const fault = layoutFault(keys);
    if (fault !== null) faults.push(new Error(`${runId}: ${fault}`));
    return keys;
  }

  #expectNoFault(): void {
    for (const subject of this.#subjects) {
      for (const fault of subject.faults) throw fault;
      for (const { faults } of [...subject.producers, ...subject.uploads]) expect(faults).toEqual([]);
      for (const { fault } of subject.watchers) expect(fault).toBeNull();
    }
  }

  async #kill(): Promise<void> {
    this.#report.kills += 1;
    const killedAt = Date.now();
    const before = this.#subjects.flatMap(({ watchers }) =>
      watchers.filter(({ end }) => end === null).map((watcher) => ({ watcher, received: watcher.received })),
    );
    await this.#server.killAndRestart(() => {
      for (const { runId } of this.#subjects) expect(layoutFault(this.#server.keysWhileDown(runId)), runId).toBeNull();
    });
    for (const { watcher, received } of before) {
      void waitUntil("a watcher goes on", () => watcher.received > received, { timeoutMs: 20_000, everyMs: 10 }).then(
        () => this.#report.continuedAfterMs.push(Date.now() - killedAt),
        // Its run may have ended, or its producers be busy with retries; that it got every line is demanded at the end.
        () => undefined,
      );
    }
  }

  #rates(): FaultRates {
    if (this.#random.chance(0.3)) return NO_FAULTS;
    const most = this.#random.chance(0.2) ? 1 : 0.3;
    return {
      fail: (most * this.#random.fraction()) / 2,
      hang: (most * this.#random.fraction()) / 3,
      failAfter: (most * this.#random.fraction()) / 3,
    };
  }

  /** The end is when most can go wrong: mostly one of the two is away altogether, or its answers cannot be believed. */
  #endingRates(): [r2: FaultRates, d1: FaultRates] {
    const rates = () => this.#random.pick([this.#rates(), ALL_FAIL, UNSURE]) ?? UNSURE;
    return [rates(), rates()];
  }

  #set(r2: FaultRates, d1: FaultRates): Promise<void> {
    return this.#server.set({ ...this.#server.settings, seed: this.#random.below(2 ** 31), r2, d1 });
  }

  /** No fault any more: producers bring what they have, the runs end, and everybody sees it. */
  async #heal(): Promise<void> {
    await this.#set(NO_FAULTS, NO_FAULTS);
    const until = Date.now() + HEAL_MS;
    const left = () => Math.max(0, until - Date.now());
    await within(() => `an answer to ${this.#background.names()}`, left(), this.#background.over());
    const producers = this.#subjects.flatMap((subject) => subject.producers);
    await within(() => "every producer is answered", left(), Promise.all(producers.map((producer) => producer.stop())));
    const ended = this.#subjects.map(({ runId }) => endRun(this.#api, runId, "a"));
    await within(() => "every run can be ended", left(), Promise.all(ended));
    for (const { watchers } of this.#subjects) for (const watcher of watchers) await watcher.ended(left());
    const areArchived = async () => {
      const found = await Promise.all(this.#subjects.map((subject) => this.#look(subject)));
      this.#expectNoFault();
      return found.every(isArchived);
    };
    await waitUntil("every run is archived and nothing else of it is left", areArchived, {
      timeoutMs: left(),
      everyMs: 100,
    });
  }

  async #check(): Promise<void> {
    for (const subject of this.#subjects) {
      this.#report.events += await checkRun(this.#api, subject, this.#server.readStored);
      this.#report.runs += 1;
      this.#report.watchers += subject.watchers.length;
      for (const producer of subject.producers) {
        this.#report.batches += producer.batches.length;
        this.#report.producerRetries += producer.retries;
      }
    }
  }
}

const isArchived = (keys: readonly StoredKey[]): boolean =>
  keys.some(({ key }) => key === "logs/manifest.json") && !keys.some(({ key }) => key.startsWith("logs/segments/"));

async function createRun(api: Api): Promise<string> {
  const answer = await api.ask("POST", "/api/workspaces/default/runs", { body: {} });
  expect(answer.status, answer.text).toBe(202);
  return answer.json<Run>().run_id;
}

async function endRun(api: Api, runId: string, producerId: string): Promise<void> {
  const headers = { "producer-id": `end-${producerId}`, "producer-epoch": "0", "producer-sequence": "1" };
  const body = '{"type":"run.completed","payload":{"status":"succeeded"}}\n';
  for (let tries = 0; ; tries += 1) {
    const answer = await api.append(runId, body, headers, 8_000).catch((error: unknown) => String(error));
    const text = typeof answer === "string" ? answer : answer.text;
    if (typeof answer !== "string" && (answer.status === 200 || text.includes('"RUN_ENDED"'))) return;
    if (tries === 100) throw new Error(`the run is not ended: ${text}`);
    await sleep(200);
  }
}

async function within<Result>(what: () => string, timeoutMs: number, work: Promise<Result>): Promise<Result> {
  const tooLate = sleep(timeoutMs, undefined, { ref: false }).then((): never => {
    throw new Error(`${what()}: not within ${HEAL_MS} ms after the last fault`);
  });
  return Promise.race([work, tooLate]);
}
