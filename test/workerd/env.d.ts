import type { D1Migration } from "cloudflare:test";
import type { Env as WorkerEnv } from "../../worker/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends WorkerEnv {
      /** Read from `migrations/` by vitest.config.ts, because a test in workerd has no file system. */
      TEST_MIGRATIONS: D1Migration[];
    }
  }
}
