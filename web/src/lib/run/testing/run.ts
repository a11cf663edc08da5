import type { RunWithText } from "../../../../../client/run-with-text.ts";
import { QUEUED_RUN } from "../../../../../protocol/testing/queued-run.ts";

/** A run that has just been made. */
export const RUN: RunWithText = {
  ...QUEUED_RUN,
  name: "build web",
  parameters: {},
  parameters_text: "{}",
  watch_url: "",
};
