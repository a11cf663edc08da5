import { createReadStream, existsSync } from "node:fs";
import type { CommandContext } from "./context.ts";
import { paintFor } from "./terminal.ts";
import { verifyLog } from "./verify-log.ts";
import type { Verification } from "./verify-log.ts";
import type { Voice } from "./voice.ts";

export type VerifyArguments = { what: string; json: boolean };

/** Tells whether a log is whole. 0: it is; 1: it is not, or it cannot be read. */
export async function verify({ what, json }: VerifyArguments, { voice }: CommandContext): Promise<number> {
  if (what !== "-" && !existsSync(what)) {
    voice.say(`there is no file ${what}.`);
    return 1;
  }
  try {
    const result = await verifyLog(what === "-" ? process.stdin : createReadStream(what));
    return tell(result, json, voice);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    voice.say(`${what} cannot be read: ${cause.message}`);
    return 1;
  }
}

function tell(result: Verification, json: boolean, voice: Voice): 0 | 1 {
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    const paint = paintFor(process.stderr, process.env);
    const { events, gaps, damaged, sha256 } = result;
    const count = events === 1 ? "1 event" : `${events} events`;
    voice.say(
      result.complete
        ? `${paint.green("whole")}: ${count}, each once, in order`
        : `${paint.red("not whole")}: ${count}`,
    );
    for (const range of gaps) voice.say(`missing: ${describeRange(range)}`);
    for (const range of damaged) voice.say(`damaged: ${describeRange(range)}`);
    process.stdout.write(`${sha256}\n`);
  }
  return result.complete ? 0 : 1;
}

const describeRange = ({ first, last }: { first: number; last: number }): string =>
  first === last ? `event ${first}` : `events ${first} to ${last}`;
