import type { Usage } from "./load/usage.ts";

/** One thing that is measured, by its name on the command line. */
export type Figure = { title: string; measure: (bench: Bench) => Promise<Row[]> };

export type Bench = {
  rounds: number;
  /** How long each load is put on. */
  seconds: number;
  /** Of the length of every long log: 1 is what the targets are for. */
  scale: number;
  /** Few loads, each tiny: it shows that everything can still be measured, and nothing else. */
  isSmoke: boolean;
  /** Of the cases and the contenders that have such a name; what is not asked for is not measured. */
  wants: { case: (name: string) => boolean; peer: (name: string) => boolean };
};

/** One case of a figure in one unit, as each contender did. */
export type Row = {
  /** As in "50 a batch · 100 watchers". */
  case: string;
  unit: string;
  better: "more" | "less";
  by: Record<string, Measured>;
  targets?: Target[];
};

export type Measured = {
  /** A value for each round. */
  values: number[];
  /** What each round took of the processor. */
  usage?: Usage[];
  /** What a reader of the values has to know. */
  notes?: string[];
};

/** What is asked of Runcast: at least so many times a peer where more is better, at most where less is; or a value of its own. */
export type Target = { peer: string; factor: number } | { value: number };
