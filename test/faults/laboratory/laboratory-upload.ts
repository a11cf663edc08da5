import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Artifact, ArtifactList } from "../../../protocol/api.ts";
import type { Api } from "../../support/api.ts";
import { TRY_AGAIN } from "./laboratory-producer.ts";

/** One file, uploaded again until the server says that it has it. */
export class LaboratoryUpload {
  readonly name: string;
  readonly sha256: string;
  readonly answered: Promise<void>;
  /** It was answered while its run was open: the log must tell of it. */
  isInLog = false;
  /** Answers that the contract does not have. */
  readonly faults: string[] = [];
  readonly #content: string;

  constructor(api: Api, runId: string, name: string, bytes: number) {
    this.name = name;
    this.#content = `${name}\n`.padEnd(bytes, "0123456789abcdef\n");
    this.sha256 = sha256(this.#content);
    this.answered = this.#upload(api, runId);
  }

  get bytes(): number {
    return this.#content.length;
  }

  async #upload(api: Api, runId: string): Promise<void> {
    const path = `/api/runs/${runId}/artifacts/${this.name}`;
    const headers = { "content-type": "text/plain" };
    for (;;) {
      const answer = await api
        .ask("PUT", path, { body: this.#content, headers, timeoutMs: 10_000 })
        // No answer: it may be stored or not, and only sending it again tells.
        .catch(() => null);
      if (answer?.status === 200 || answer?.status === 201) break;
      if (answer !== null && !TRY_AGAIN.has(answer.status)) {
        this.faults.push(`upload of ${this.name}: ${answer.status} ${answer.text.slice(0, 200)}`);
      }
      await sleep(100);
    }
    const run = await api.ask("GET", `/api/runs/${runId}`, { timeoutMs: 5_000 }).catch(() => null);
    this.isInLog = run?.status === 200 && run.json<{ completed_at: string | null }>().completed_at === null;
  }
}

/** Every file that was answered is there, byte for byte; nothing else is; the log tells of each once at most, and only of those. */
export async function checkUploads(
  api: Api,
  runId: string,
  lines: readonly string[],
  uploads: LaboratoryUpload[],
): Promise<void> {
  const list = await api.ask("GET", `/api/runs/${runId}/artifacts`);
  const names = list.json<ArtifactList>().items.map(({ name }) => name);
  expect(names.toSorted()).toEqual(uploads.map(({ name }) => name).toSorted());
  const told = lines
    .filter((line) => line.includes('"type":"artifact.created"'))
    .map((line): Pick<Artifact, "name" | "bytes" | "sha256"> => JSON.parse(line).payload);
  expect(new Set(told.map(({ name }) => name)).size).toBe(told.length);
  for (const { name, bytes, sha256: wanted, faults, isInLog } of uploads) {
    expect(faults).toEqual([]);
    const stored = await api.ask("GET", `/api/runs/${runId}/artifacts/${name}`);
    expect({ name, sha256: sha256(stored.text) }).toEqual({ name, sha256: wanted });
    const event = told.find((each) => each.name === name);
    if (event === undefined) expect(isInLog, `${name} was stored while its run was open`).toBe(false);
    else expect(event).toMatchObject({ bytes, sha256: wanted });
  }
  for (const { name } of told) expect(names).toContain(name);
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
