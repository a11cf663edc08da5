import type { Figure } from "../figure.ts";
import { coldStart } from "./cold-start.ts";
import { compression } from "./compression.ts";
import { cost } from "./cost.ts";
import { create } from "./create.ts";
import { download } from "./download.ts";
import { fanOut } from "./fan-out.ts";
import { ingest } from "./ingest.ts";
import { latency } from "./latency.ts";
import { manyRuns } from "./many-runs.ts";
import { pipe } from "./pipe.ts";
import { replay } from "./replay.ts";
import { search } from "./search.ts";
import { slowArchive } from "./slow-archive.ts";
import { stalledWatchers } from "./stalled-watchers.ts";
import { randomWindow } from "./random-window.ts";

/** By their names on the command line, in the order they are measured in. */
export const FIGURES: Readonly<Record<string, Figure>> = {
  ingest,
  "fan-out": fanOut,
  compression,
  latency,
  replay,
  "random-window": randomWindow,
  "cold-start": coldStart,
  search,
  pipe,
  cost,
  "stalled-watchers": stalledWatchers,
  "slow-archive": slowArchive,
  create,
  "many-runs": manyRuns,
  download,
};
