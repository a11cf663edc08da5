import { RuncastApi } from "../api.ts";
import type { Server } from "./server.ts";
import type { Voice } from "./voice.ts";

/** A server that is being restarted is back within it, and somebody waits. */
const PATIENCE_MS = 5_000;

/** The API for what is asked once and waited for: what may be asked again is, for a little while, and that is said. */
export function patientApi({ url, token }: Server, voice: Voice): RuncastApi {
  let isTold = false;
  return new RuncastApi({
    url,
    ...(token === undefined ? {} : { token }),
    patienceMs: PATIENCE_MS,
    onRetry: ({ status, detail }) => {
      if (isTold) return;
      isTold = true;
      const what = status === null ? "does not answer" : `answers ${status}`;
      voice.say(`${url} ${what} (${detail}); trying again for a few seconds …`);
    },
  });
}
