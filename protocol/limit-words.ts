import type { LIMITS } from "./limits.ts";

/** Each limit in words: its unit, and why it is there. For people: the documents and the page; the numbers stand in `limits.ts` alone. */
export const LIMIT_WORDS: Readonly<Record<keyof typeof LIMITS, string>> = {
  eventLineBytes:
    "Bytes of one event line without its newline. A longer structured event is refused, longer raw output is split",
  appendBodyBytes: "Bytes of the body of one append, or of any JSON body. Larger: send it in several",
  batchLineBytes: "Bytes of all lines of one batch as they are stored: it is one call, one transaction, in memory once",
  completionBytes:
    "Bytes of `source`, `step` and `failure` of a producer's `run.completed` together: its line has to hold the summary too",
  payloadLevels:
    "Levels of objects and arrays in a payload, itself being the first: deeper, and a reader could run out of stack",
  typeChars: "Characters of an event's type",
  parametersBytes: "Bytes of a run's parameters, encoded: they stand in its first line and in every list",
  parametersKeys: "Keys of a run's parameters",
  labels: "Labels of one run",
  producerIdChars: "Characters of a `Producer-Id`",
  rememberedBatches:
    "Batches of each producer that are remembered with their positions: how far back a repeat is told where it stands",
  unflushedBytes:
    "Bytes that were accepted and are not in the archive yet. Beyond it a producer gets 429: the archive is behind",
  frameBytes: "Bytes of whole lines in one WebSocket frame; a longer line travels alone",
  watcherFrameBytes: "Bytes of a frame from a watcher, who has little to say",
  watcherWindowBytes:
    "Bytes that one watcher may have received and not acknowledged; beyond it, it is fed at its own pace and nothing is dropped",
  runWindowBytes: "The same for all watchers of a run together: the memory they can take",
  crowdedWatcherWindowBytes: "Bytes that a watcher may have outstanding once the run's window is used up",
  ackEveryBytes: "Bytes after which a watcher acknowledges, at the latest",
  watcherSilenceMs:
    "Milliseconds without an acknowledgement, while lines wait at a limit, after which a watcher is closed 4408",
  watchersPerRun: "Watchers of one run at a time; one more is closed 4429",
  presenceNames: "Watchers up to which they are told by name; above it, only how many there are",
  cancelGraceMs: "Milliseconds that a producer has to end its run once it was asked to; then the server ends it",
  producerSilenceMs:
    "Milliseconds without a socket, an append or a heartbeat after which a run counts as having no producer",
  leaseSecondsMin: "Seconds of the shortest lease that a run may ask for",
  leaseSecondsMax: "Seconds of the longest lease that a run may ask for",
  pageEvents: "Events in one JSON page; it is also the default",
  listRuns: "Runs in one page of a list",
  statsDays: "Days of `runs_per_day`, today included",
  statsWorkflows: "Workflows that the numbers of a workspace name, the latest first",
  stateStringChars: "UTF-16 units of a failure's or progress' message in a run's state; the log has it whole",
  summaryListEntries: "Entries of each list of a summary; the rest is counted in `more`",
  summaryStringChars: "UTF-16 units of each string of a summary",
  embeddedSummaryBytes: "Bytes of the summary in `run.completed`, encoded: it shares the line's limit",
  artifactBytes: "Bytes of one artifact: what a person still waits for",
  artifactsPerRun: "Artifacts of one run",
  artifactNameChars: "Characters of an artifact's name",
  outputPathsBytes: "Bytes of `output_paths` in `run.completed`, encoded; the list of artifacts has them all",
  searchQueryChars: "UTF-16 units of what is looked for in a log",
  searchProgramSteps: "Steps that a regular expression may come to: how much each character of a log may cost",
  searchHits: "Lines that one search of a log finds; the next goes on behind them",
  searchRanges: "Places that a search tells of one line",
  searchLineChars:
    "UTF-16 units at which a line that is written in parts ends for a search, and its next part begins another",
  searchMs: "Milliseconds after which a search tells how far it has come, and ends",
  metricNames: "Metrics of a run that are read at once",
  metricPoints: "Points of one metric in one answer",
  metricsMs: "Milliseconds after which an answer with metrics tells how far it has come",
  idempotencyKeyMs: "Milliseconds for which an `Idempotency-Key` is remembered",
};
