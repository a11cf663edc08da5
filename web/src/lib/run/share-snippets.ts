/** What one copies to watch a run from elsewhere. Each is whole: with a token in `RUNCAST_TOKEN` it works as it stands (a test runs them). */
export type Snippet = {
  id: "terminal" | "curl" | "websocat" | "sdk";
  title: string;
  language: "sh" | "js";
  text: string;
};

/** `url` is the server, as in `https://runcast.example`. */
export function shareSnippets({ url, runId }: { url: string; runId: string }): Snippet[] {
  const run = `${url}/api/runs/${runId}`;
  const bearer = '-H "Authorization: Bearer $RUNCAST_TOKEN"';
  return [
    {
      id: "terminal",
      title: "Command line",
      language: "sh",
      text: `curl -fsSO ${url}/runcast.mjs\nRUNCAST_URL=${url} node runcast.mjs tail ${runId}`,
    },
    {
      id: "curl",
      title: "curl",
      language: "sh",
      text: `curl -fsSN ${bearer} "${run}/events?follow=true&format=text"`,
    },
    {
      id: "websocat",
      title: "websocat",
      language: "sh",
      text: `websocat -n --protocol runcast.v1 ${bearer} "${run.replace(/^http/, "ws")}/live"`,
    },
    {
      id: "sdk",
      title: "JavaScript",
      language: "js",
      text: `// curl -fsSO ${url}/runcast-sdk-node.mjs
import { watchRun } from "./runcast-sdk-node.mjs";

const watch = watchRun({
  url: "${url}",
  runId: "${runId}",
  token: process.env.RUNCAST_TOKEN,
  onLines: (lines) => {
    for (const { event } of lines) {
      if (event.type === "console.line") console.log(event.payload.message);
    }
  },
});
console.log(await watch.finished);`,
    },
  ];
}
