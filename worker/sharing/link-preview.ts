import type { StoredRun } from "../../core/ports.ts";
import { describeRun, nameOf, statusInWords } from "./describe-run.ts";
import { escapeMarkup } from "./escape.ts";

/** What goes into the page's head for whoever shows a link to it as a card, chat programs above all. */
export function previewTags(run: StoredRun, now: number): string {
  const title = `${nameOf(run)} · ${statusInWords(run)}`;
  const description = describeRun(run, now);
  const tags: [kind: "property" | "name", key: string, content: string][] = [
    ["property", "og:site_name", "Runcast"],
    ["property", "og:type", "website"],
    ["property", "og:title", title],
    ["property", "og:description", description],
    ["name", "twitter:card", "summary"],
    ["name", "twitter:title", title],
    ["name", "twitter:description", description],
    // The address may hold the key: it is for those it was given to, not for a search engine's index.
    ["name", "robots", "noindex"],
  ];
  return tags.map(([kind, key, content]) => `<meta ${kind}="${key}" content="${escapeMarkup(content)}">`).join("");
}

/** The page with the run's tags in its head. It is another page for everyone who asks, so nothing of it is kept. */
export function withPreview(page: Response, tags: string): Response {
  const answer = new Response(page.body, page);
  answer.headers.delete("etag");
  answer.headers.delete("last-modified");
  answer.headers.set("cache-control", "private, no-store");
  return new HTMLRewriter()
    .on("head", {
      element: (head) => void head.append(tags, { html: true }),
    })
    .transform(answer);
}
