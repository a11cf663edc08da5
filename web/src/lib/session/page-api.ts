import { RuncastApi } from "../../../../client/api.ts";

/** A server that is being restarted is back within it; after it, whoever waits is told, and may try again. */
const PATIENCE_MS = 5_000;

/** The API as this page asks it: the session's cookie speaks for the user, and what may be asked again is, for a little while. */
export const pageApi = (): RuncastApi => new RuncastApi({ url: location.origin, patienceMs: PATIENCE_MS });
