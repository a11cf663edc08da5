import { cutText } from "../../../protocol/ndjson.ts";
import type { NewRun } from "../../run-with-text.ts";
import { maskJson } from "./masked-json.ts";
import type { Masks } from "./masks.ts";

const NAME_CHARS = 200;

/** What the run is to be, without a secret in it; its parameters keep their digits. */
export function maskedRun({ parameters_text: parameters, ...run }: NewRun, masks: Masks): NewRun {
  const { name, ...rest } = masks.value(run);
  return {
    ...rest,
    ...(parameters === undefined ? {} : { parameters_text: maskJson(parameters, masks) }),
    // Cut when it is masked: half a secret is not found.
    ...(name === undefined ? {} : { name: cutText(name, NAME_CHARS) }),
  };
}
