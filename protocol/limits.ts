/**
 * Every limit of the contract, in one place. `GET /api/limits` answers with this table; code reads it and never repeats a number.
 * Sizes are bytes of UTF-8, spans are milliseconds.
 */
const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  /** One event line without its newline; a longer structured event is refused, longer raw output is split. */
  eventLineBytes: 256 * KIB,
  appendBodyBytes: 4 * MIB,
  /**
   * All lines of one batch as they are stored, each counted as `eventLineBytes` counts, with its newline. A body of empty raw lines grows a hundredfold, and a
   * batch is one call to the run's object (32 MiB at most), held in its memory, stored in one transaction. One line alone, however it is escaped, always fits.
   */
  batchLineBytes: 25 * MIB,
  /** `source`, `step` and `failure` of a producer's `run.completed`, encoded: its line must still hold the summary. */
  completionBytes: 64 * KIB,
  payloadLevels: 128,
  typeChars: 80,
  parametersBytes: 64 * KIB,
  parametersKeys: 100,
  labels: 64,
  producerIdChars: 200,
  /** Batches of each producer that are remembered with their positions. */
  rememberedBatches: 64,
  /** Accepted but not yet in the archive: beyond it a producer gets 429. */
  unflushedBytes: 64 * MIB,
  /** Whole lines in one WebSocket frame; a longer line travels alone. */
  frameBytes: 64 * KIB,
  watcherFrameBytes: 4 * KIB,
  watcherWindowBytes: 1 * MIB,
  runWindowBytes: 32 * MIB,
  /** What a watcher may have outstanding once the run's window is used up. */
  crowdedWatcherWindowBytes: 128 * KIB,
  ackEveryBytes: 64 * KIB,
  watcherSilenceMs: 30_000,
  watchersPerRun: 5_000,
  presenceNames: 50,
  cancelGraceMs: 30_000,
  /** No socket, append or heartbeat for this long: the run has no producer. */
  producerSilenceMs: 30_000,
  leaseSecondsMin: 10,
  leaseSecondsMax: 86_400,
  pageEvents: 1_000,
  listRuns: 200,
  statsDays: 30,
  statsWorkflows: 200,
  /** Messages that a run's state takes from its events (of a failure, of its progress); the log has them whole. */
  stateStringChars: 8 * KIB,
  summaryListEntries: 1_000,
  summaryStringChars: 256,
  embeddedSummaryBytes: 128 * KIB,
  /** R2's limit for one object is 5 TiB; this is what a person still waits for. */
  artifactBytes: 5 * 1024 * MIB,
  artifactsPerRun: 1_000,
  artifactNameChars: 200,
  /** `output_paths`, encoded: the line of `run.completed` has to hold them beside the summary. `GET …/artifacts` has them all. */
  outputPathsBytes: 32 * KIB,
  /** What is looked for, in UTF-16 units. */
  searchQueryChars: 1_000,
  /** An expression is a program; each character of a line may cost as many steps as it has. */
  searchProgramSteps: 500,
  /** Lines found by one search; the rest by the next, which goes on behind them. */
  searchHits: 10_000,
  /** Places told of one line. */
  searchRanges: 100,
  /** A line that is written in parts is held while it grows; behind so much another begins. */
  searchLineChars: 1 * MIB,
  /** What one search takes. Cloudflare gives a request 30 s of its processor. */
  searchMs: 20_000,
  /** Metrics of one run that are asked for at once, and the points of each. */
  metricNames: 20,
  metricPoints: 8_192,
  /** What it may take to read them. */
  metricsMs: 20_000,
  idempotencyKeyMs: 24 * 60 * 60 * 1000,
} as const;
