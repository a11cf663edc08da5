import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import * as z from "zod";
import * as api from "./api.ts";
import * as control from "./control.ts";
import { ERROR_CODES } from "./error-code.ts";
import * as event from "./event.ts";
import * as frames from "./frames.ts";
import { LIMITS } from "./limits.ts";
import { STATUS_MOVES } from "./run-status.ts";
import * as metrics from "./metric-history.ts";
import * as search from "./search.ts";
import * as summary from "./summary.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/*
 * Red here means that the wire changed. That may be what you want; then decide which of two it is, and update the snapshot (`vitest -u`):
 *  - every client of the present version still reads and writes (a new optional field, a new type, a new code): PROTOCOL_VERSION stays;
 *  - one of them no longer can (a field renamed, removed, newly required or of another kind): PROTOCOL_VERSION moves, and with it the names
 *    of the subprotocols and schemas in version.ts.
 * Either way PROTOCOL.md says the new rule in the same commit.
 */
const sha256 = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);

function hashesOf(schemas: Record<string, unknown>): Record<string, string> {
  const named = Object.entries(schemas).filter((entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType);
  const hashes = named.map(([name, schema]): [string, string] => [
    name,
    sha256(z.toJSONSchema(schema, { unrepresentable: "throw" })),
  ]);
  return Object.fromEntries(hashes.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

test("the wire is locked to its version", () => {
  const wire = {
    version: PROTOCOL_VERSION,
    api: hashesOf(api),
    control: hashesOf(control),
    event: hashesOf(event),
    payloads: hashesOf(event.payloadSchemas),
    frames: hashesOf(frames),
    metrics: hashesOf(metrics),
    search: hashesOf(search),
    summary: hashesOf(summary),
    codes: sha256(Object.entries(ERROR_CODES).map(([code, { status }]) => [code, status])),
    moves: sha256(STATUS_MOVES),
    reserved: sha256([...event.RESERVED_TYPES]),
    limits: sha256(LIMITS),
  };
  expect(Object.keys(wire.payloads)).toHaveLength(Object.keys(event.payloadSchemas).length);
  expect(wire).toMatchInlineSnapshot(`
    {
      "api": {
        "appendAnswerSchema": "882a20153a8721d9",
        "artifactListSchema": "6210735eb9deaee4",
        "artifactNameSchema": "0a6cd042e4e6501f",
        "artifactSchema": "75fc71f93a94776b",
        "cancelSchema": "38d6165e32b4141d",
        "createRunSchema": "aaef1db4b428ef14",
        "createWorkspaceSchema": "e856933329530943",
        "editRunSchema": "6fb187f29d588047",
        "endDataSchema": "cfa59976a80abc84",
        "eventPageSchema": "437270778a3ad906",
        "healthSchema": "4162da653ee4c2e6",
        "heartbeatAnswerSchema": "c24c4f2b346c9c33",
        "labelsSchema": "6fcdc3f47e0c677a",
        "principalSchema": "ee37de7787a36cc2",
        "problemSchema": "44c7cba759fae74b",
        "progressSchema": "a8ea8af780503f49",
        "proofSchema": "a2090111846f11f6",
        "runListSchema": "6ca73c4d308dded8",
        "runSchema": "d30bba3e2ebdad75",
        "shareSchema": "de8750c4e2fc3c85",
        "signInSchema": "9ddcff581ac49f0a",
        "signingKeySchema": "15c3c17f345ee0dd",
        "statsSchema": "ad699a70af048396",
        "verifyProgressSchema": "727334f2e5841437",
        "workspaceListSchema": "3d3f2b2d7842798b",
        "workspaceSchema": "0b163b74171bf69f",
      },
      "codes": "1f4a3b62674a7c88",
      "control": {
        "controlRequestSchema": "616234557fbf91f3",
      },
      "event": {
        "eventTypeSchema": "0bcd55cbeaa7533c",
        "failureSchema": "451f4a4de2dd6001",
        "runEventSchema": "0bb2d2cf4f2dd309",
        "runIdSchema": "1d8be61c451aeafc",
        "slugSchema": "448b681730cade0c",
      },
      "frames": {
        "caughtUpSchema": "1b387ee2200b2062",
        "damagedSchema": "f23dad37f818ba8f",
        "endSchema": "2eefd750c3f2b648",
        "helloSchema": "ca3a94a4646413ff",
        "presenceSchema": "b6ba311390b9ec7f",
        "presentWatcherSchema": "1ee1013ca2a07a75",
        "producerAppendSchema": "0ee5a3b0087107cf",
        "producerFrameSchema": "d5810e766fc66287",
        "watcherCommandSchema": "482ed19f96a12af3",
        "watcherFrameSchema": "bccace7d4852ebc6",
        "workspaceFrameSchema": "a8293b976bcf35c5",
      },
      "limits": "6a1def76355e2745",
      "metrics": {
        "metricHistorySchema": "6d17a699acd6ae5f",
        "metricPointSchema": "21952109762503b5",
      },
      "moves": "14472ce4cd56bb1d",
      "payloads": {
        "artifact.created": "cd96f0354fe1e126",
        "build.completed": "6f3819b2a552c3a5",
        "build.started": "4439d705082010e9",
        "console.line": "1556950d0a852b88",
        "control.acknowledged": "48d67b0c4161f497",
        "control.requested": "af022e971cd5aaf6",
        "log.degraded": "c864e1c57813bcb9",
        "log.recovered": "c864e1c57813bcb9",
        "metric.recorded": "ad6b6d6538ccbaa7",
        "producer.lost": "3966b0701faf58c8",
        "producer.returned": "3966b0701faf58c8",
        "run.completed": "fcf325c968bb2242",
        "run.error": "f0df48bb67744580",
        "run.progress": "bd4482356e85396d",
        "run.queued": "b9b4989d0fbdcc88",
        "run.started": "b874d6e18a397e3b",
        "run.table.summary": "1595f7ef0f76d1df",
        "run.validation.issue": "94ef44a3647c9f8a",
        "step.completed": "810cde7de48fb791",
        "step.started": "80d4d5a309408a65",
      },
      "reserved": "e2afef05dcca3426",
      "search": {
        "searchEndSchema": "05a6be51e9fd1c20",
        "searchHitSchema": "6bc1d6b3d38a843d",
        "searchLineSchema": "111b128b7b22ab72",
        "searchProgressSchema": "a8c766b09fe43cfb",
      },
      "summary": {
        "summarySchema": "874b922a4cc002bf",
      },
      "version": 1,
    }
  `);
});
