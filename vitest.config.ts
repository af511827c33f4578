import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** The example has dependencies of its own, which a clone need not have. */
const service = existsSync("examples/service/node_modules") ? "examples/service" : undefined;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", ...(service ? [`${service}/test/**/*.test.ts`] : [])],
    // A process a file: engines start worker threads, and an idle one must not keep anything alive.
    pool: "forks",
    testTimeout: process.env.CHECK_KERNELS ? 300_000 : 60_000,
    hookTimeout: 60_000,
    reporters: ["default"],
    // Suites import the built package by its own name and get it from Node itself, as a user does: workers are then
    // started from the files that ship.
    // `npm run test:bounds`: all of it once more on kernels whose accesses to memory are checked, which is slow.
    setupFiles: process.env.CHECK_KERNELS ? ["test/support/bounds/setup.ts"] : [],
    server: { deps: { external: [/\/dist\//] } },
  },
});
