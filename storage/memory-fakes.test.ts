import { MemoryArchive } from "../test/fakes/memory-archive.ts";
import { MemoryEventLog } from "../test/fakes/memory-event-log.ts";
import { archiveContract } from "./archive.contract.ts";
import { eventLogContract } from "./event-log.contract.ts";

// The simulations are worth as much as these are like the real ones.
eventLogContract("in memory", async (use) => use(new MemoryEventLog()));
const archive = new MemoryArchive();
archiveContract("in memory", () => archive);
