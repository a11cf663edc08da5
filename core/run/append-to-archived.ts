import type { AppendOutcome, AppendRequest } from "./commands.ts";
import type { Manifest } from "../../protocol/proof/manifest.ts";
import { manifestProducers } from "./manifest.ts";
import { admit } from "./sequencer.ts";

/**
 * What a batch gets that comes after its run was archived and its object emptied: a repeat is still a duplicate, and nothing else may be
 * added. Same order of checks as in a run that is still held. [SEQ6]
 */
export function appendToArchived(request: AppendRequest, manifest: Manifest | null): AppendOutcome {
  const { content, producer } = request;
  if (content.kind === "refused" && content.stage !== "content") return { kind: "refused", refusal: content.refusal };
  if (producer !== null && manifest !== null) {
    const admission = admit(manifestProducers(manifest), producer);
    if (admission.kind === "rejected") return { kind: "refused", refusal: admission.refusal };
    if (admission.kind === "duplicate") {
      return { kind: "appended", ...admission.positions, duplicate: true, control: [] };
    }
  }
  return { kind: "refused", refusal: { code: "RUN_ENDED", detail: "The run has ended; its log is closed." } };
}
