import type { Run } from "../../../../../protocol/api.ts";
import { QUEUED_RUN } from "../../../../../protocol/testing/queued-run.ts";

/** A run that has just been made. */
export const RUN: Run = { ...QUEUED_RUN, name: "build web", parameters: {}, watch_url: "" };
