import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { DIST } from "../local/state-folder.ts";
import type { Row } from "./figure.ts";
import { FIGURES } from "./figures/all.ts";
import { PEERS } from "./peers/all.ts";
import { shareServers, stopSharedServers } from "./peers/server-process.ts";
import { describeMachine } from "./report/machine.ts";
import { tableOf } from "./report/print-table.ts";

/**
 * The numbers, each beside peers that are measured in the same run on the same machine. The load generator shares its cores: rates are lower bounds.
 *
 *   npm run bench                          every figure; that takes hours
 *   npm run bench -- ingest latency        some of them
 *   npm run bench -- --rounds 3 --seconds 1 --json numbers.json ingest
 *   npm run bench -- fan-out --peers '^(runcast|node)$' --cases '16 producers'     of the loads, those whose names match
 *   npm run bench -- search --scale 0.1    in logs of a tenth of the length
 *   npm run bench -- --smoke               tiny sizes, one round: that everything can still be measured
 */
const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    smoke: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    scale: { type: "string", default: "1" },
    cases: { type: "string", default: "" },
    peers: { type: "string", default: "" },
    json: { type: "string", default: join(DIST, "bench", `${new Date().toISOString().replaceAll(":", "-")}.json`) },
  },
});
/** Each log keeps a whole number of lines, and batches. */
const SCALES = [1, 0.1, 0.01, 0.001, 0.0005];
const [cases, peers] = [new RegExp(flags.cases), new RegExp(flags.peers)];
const wants = { case: (name: string) => cases.test(name), peer: (name: string) => peers.test(name) };
const bench = flags.smoke
  ? { rounds: 1, seconds: 0.1, scale: 0.0005, isSmoke: true, wants }
  : { rounds: Number(flags.rounds), seconds: Number(flags.seconds), scale: Number(flags.scale), isSmoke: false, wants };

const unknown = wanted.filter((name) => FIGURES[name] === undefined);
if (unknown.length > 0 || !(bench.rounds >= 1) || !(bench.seconds > 0) || !SCALES.includes(bench.scale)) {
  if (unknown.length > 0) console.error(`There is no figure ${unknown.join(", ")}.`);
  else console.error("--rounds and --seconds want a number above 0, --scale 1, 0.1, 0.01 or 0.001.");
  console.error(`There are: ${Object.keys(FIGURES).join(", ")}`);
  process.exit(2);
}
await measureAll(wanted.length === 0 ? Object.keys(FIGURES) : wanted);

async function measureAll(names: string[]): Promise<void> {
  const machine = describeMachine();
  for (const [name, value] of Object.entries(machine)) console.log(`${name}: ${value}`);
  console.log(
    `\nMedians of ${bench.rounds} rounds (least – most), and the cores that load generator and server took. Beside`,
  );
  for (const { name, what } of PEERS) console.log(`  ${name}: ${what}`);

  if (bench.isSmoke) shareServers();
  const figures: { name: string; title: string; rows: Row[]; failure?: string }[] = [];
  for (const name of names) {
    const figure = FIGURES[name];
    if (figure === undefined) continue;
    const { title } = figure;
    try {
      const rows = await figure.measure(bench);
      figures.push({ name, title, rows });
      console.log(tableOf(title, rows, bench));
      if (rows.some(({ by }) => by["runcast"]?.values.length === 0)) process.exitCode = 1;
    } catch (error) {
      // The others can still be measured.
      const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      figures.push({ name, title, rows: [], failure });
      console.error(`\n## ${title}\n\n  FAILED: ${failure}`);
      process.exitCode = 1;
    }
    // After each, so that a run that is broken off has told what it knows.
    mkdirSync(dirname(flags.json), { recursive: true });
    const { rounds, seconds, scale } = bench;
    const asked = { rounds, seconds, scale, cases: flags.cases, peers: flags.peers };
    writeFileSync(flags.json, JSON.stringify({ measured_at: new Date(), machine, ...asked, figures }, null, 2));
  }
  await stopSharedServers();
  console.log(`\n${relative(process.cwd(), flags.json)}`);
}
