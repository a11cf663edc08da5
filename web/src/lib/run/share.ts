import type { Run } from "../../../../protocol/api.ts";

export type Snippet = { name: string; detail: string; text: string };

/**
 * What one pastes elsewhere to follow this run. The token is read from the environment and never stands in the text: what is copied is
 * pasted into chats.
 */
export function snippetsOf(run: Pick<Run, "run_id">, origin: string): Snippet[] {
  const events = `${origin}/api/runs/${run.run_id}/events`;
  const live = `${origin.replace(/^http/, "ws")}/api/runs/${run.run_id}/live`;
  return [
    {
      name: "curl",
      detail: "the log, and what comes",
      text: `curl -fsSN -H "Authorization: Bearer $RUNCAST_TOKEN" '${events}?format=text&follow=true'`,
    },
    {
      name: "websocat",
      detail: "the first MiB of events",
      text: `websocat -H="Authorization: Bearer $RUNCAST_TOKEN" --protocol runcast.v1 '${live}?after_sequence=0'`,
    },
    {
      name: "runcast",
      detail: "the command line",
      text: `RUNCAST_URL=${origin} runcast tail ${run.run_id}`,
    },
    {
      name: "SDK",
      detail: "for Node, one file",
      text: [
        `// curl -fsSO ${origin}/runcast-sdk-node.mjs`,
        `import { events } from "./runcast-sdk-node.mjs";`,
        ``,
        `const token = process.env.RUNCAST_TOKEN;`,
        `for await (const event of events({ url: "${origin}", token, runId: "${run.run_id}" }))`,
        `  console.log(event.sequence, event.type, event.payload);`,
      ].join("\n"),
    },
  ];
}
