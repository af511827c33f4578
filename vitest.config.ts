import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { configDefaults, defineConfig } from "vitest/config";

/** The example has dependencies of its own, which a clone need not have. */
const service = existsSync("examples/service/node_modules") ? "examples/service" : undefined;
const suites = ["test/**/*.test.ts", ...(service ? [`${service}/test/**/*.test.ts`] : [])];

/** These wrap the allocator and put kernels in the place of others, for which a bundle has no door. */
const reachingInside = ["test/engine/bounds.test.ts", "test/fuzz/cache.test.ts", "test/fuzz/calls.test.ts"];
/** `npm run test:bounds`: all of it once more on kernels whose accesses to memory are checked, which is slow. */
const checked = Boolean(process.env.CHECK_KERNELS);

/** The subpaths of the package, as the modules of which the build makes its files. */
const modules = Object.entries<string | { default: string }>(
  JSON.parse(readFileSync("package.json", "utf8")).exports,
).flatMap(([subpath, target]) => {
  if (typeof target === "string") return [];
  const file = target.default.replace("./dist/", "build/modules/");
  return { find: new RegExp(`^wasm-attention${subpath.slice(1)}$`), replacement: path.resolve(file) };
});

export default defineConfig({
  test: {
    // A process a file: engines start worker threads, and an idle one must not keep anything alive.
    pool: "forks",
    // vitest leaves a core free, which on two would be half of the time: no test judges by the clock.
    maxWorkers: "100%",
    testTimeout: checked ? 300_000 : 60_000,
    hookTimeout: 60_000,
    reporters: ["default"],
    setupFiles: checked ? ["test/support/bounds/setup.ts"] : [],
    // Suites import the built package by its own name and get it from Node itself, as a user does: workers are then
    // started from the files that ship.
    server: { deps: { external: [/\/dist\//, /\/build\/modules\//] } },
    projects: [
      {
        extends: true,
        test: {
          name: "package",
          include: checked ? [] : suites,
          exclude: [...configDefaults.exclude, ...reachingInside],
        },
      },
      {
        extends: true,
        resolve: { alias: modules },
        test: { name: "modules", include: checked ? suites : reachingInside },
      },
    ],
  },
});
