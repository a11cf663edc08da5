import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** A whole server, a killed server or a browser is slow to start on a small machine; none of it is a hang. */
const SLOW_TEST_MS = 120_000;

export default defineConfig({
  test: {
    projects: [
      {
        // `#lib/` is web's own import name; package.json resolves it.
        test: {
          name: "unit",
          include: [
            "{protocol,core,client,storage,worker,durable-objects,local,bench,web/src}/**/*.test.ts",
            "test/{structure,simulation,contract}/**/*.test.ts",
          ],
          exclude: ["**/*.workerd.test.ts", "**/node_modules/**"],
          // Those of the command line wait for real processes; by itself Vitest would leave the second core idle.
          maxWorkers: 2,
          testTimeout: 30_000,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations("migrations"),
                RUNCAST_SECRET: "the-secret-of-tests",
                LOG: "problems",
              },
            },
          })),
        ],
        test: {
          name: "workerd",
          include: ["{worker,durable-objects,storage,test}/**/*.workerd.test.ts"],
          setupFiles: ["test/workerd/apply-migrations.ts", "test/support/fail-for-faults.ts"],
          // Every file gets a workerd of its own; two at once is already the whole of a small machine.
          fileParallelism: false,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/{integration,faults}/**/*.test.ts"],
          exclude: ["**/*.workerd.test.ts"],
          setupFiles: ["test/support/fail-for-faults.ts"],
          // Each file starts servers of its own and waits more than it works; nothing is measured here.
          maxWorkers: 2,
          testTimeout: SLOW_TEST_MS,
          hookTimeout: SLOW_TEST_MS,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          setupFiles: ["test/support/fail-for-faults.ts"],
          // A browser and a server each; a page waits more than it works.
          maxWorkers: 2,
          testTimeout: SLOW_TEST_MS,
          hookTimeout: SLOW_TEST_MS,
        },
      },
    ],
  },
});
