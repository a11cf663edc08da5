/** What server-sent events are made of: a message (`event` is "message" unless it says otherwise), or a comment. */
export type SseItem = { kind: "message"; event: string; data: string } | { kind: "comment"; text: string };

/** Reads an event stream piece by piece, wherever the pieces are cut. A message that was not finished is none (WHATWG HTML §9.2). */
export class SseParser {
  #rest = "";
  #event = "";
  #data: string[] = [];

  push(text: string): SseItem[] {
    const items: SseItem[] = [];
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const ended of lines) {
      const line = ended.endsWith("\r") ? ended.slice(0, -1) : ended;
      if (line === "") {
        if (this.#data.length > 0) {
          items.push({ kind: "message", event: this.#event || "message", data: this.#data.join("\n") });
        }
        this.#event = "";
        this.#data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (colon === 0) items.push({ kind: "comment", text: value });
      else if (field === "event") this.#event = value;
      else if (field === "data") this.#data.push(value);
    }
    return items;
  }
}
