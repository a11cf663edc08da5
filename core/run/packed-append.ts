import type { AppendRequest } from "./commands.ts";
import type { EventDraft } from "../../protocol/ndjson.ts";

/**
 * A batch on its way from the Worker to the object. A call may carry 32 MiB, and a string counts two bytes a character as soon as one of its
 * characters is beyond Latin-1: as bytes of UTF-8 a batch takes what its lines will take, which its limit holds below that. [APP13]
 */
export type PackedAppend = Omit<AppendRequest, "content"> & {
  content:
    | Extract<AppendRequest["content"], { kind: "refused" }>
    | (Omit<Extract<AppendRequest["content"], { kind: "events" }>, "drafts"> & { drafts: Uint8Array });
};

export function packAppend({ producer, content }: AppendRequest): PackedAppend {
  if (content.kind === "refused") return { producer, content };
  return {
    producer,
    content: { ...content, drafts: new TextEncoder().encode(content.drafts.map(packDraft).join("")) },
  };
}

export function unpackAppend({ producer, content }: PackedAppend): AppendRequest {
  if (content.kind === "refused") return { producer, content };
  return { producer, content: { ...content, drafts: unpackDrafts(new TextDecoder().decode(content.drafts)) } };
}

/** Neither a type nor JSON text holds a tab or a newline. */
const packDraft = ({ type, createdAtMs, rest }: EventDraft): string => `${type}\t${createdAtMs ?? ""}\t${rest}\n`;

function unpackDrafts(text: string): EventDraft[] {
  const drafts: EventDraft[] = [];
  for (let start = 0; start < text.length;) {
    const type = text.indexOf("\t", start);
    const time = text.indexOf("\t", type + 1);
    const end = text.indexOf("\n", time);
    const createdAt = text.slice(type + 1, time);
    drafts.push({
      type: text.slice(start, type),
      createdAtMs: createdAt === "" ? null : Number(createdAt),
      rest: text.slice(time + 1, end),
    });
    start = end + 1;
  }
  return drafts;
}
