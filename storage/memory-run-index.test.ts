import { MemoryRunIndex } from "./memory-run-index.ts";
import { runIndexContract } from "./run-index.contract.ts";

runIndexContract("in memory", () => Promise.resolve(new MemoryRunIndex()), 200);
