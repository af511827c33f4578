/** The load test itself, for a few seconds: nothing lost, nothing wrong, nothing left. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";

const folder = path.join(import.meta.dirname, "..");

test("under load, with garbage and dying threads", () => {
  const node = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
    return stdout;
  };
  node(path.join(folder, "..", "..", "node_modules", "typescript", "bin", "tsc"));
  const report = node("build/load/run.js", "--quick", "--seconds", "3", "--backends", "wasm");
  expect(report).toMatch(/[1-9] threads? killed/);
});
