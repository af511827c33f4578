import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A process a file: engines start worker threads, and an idle one must not keep anything alive.
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default"],
    // Suites import the built package by its own name and get it from Node itself, as a user does: workers are then
    // started from the files that ship.
    server: { deps: { external: [/\/dist\//] } },
  },
});
