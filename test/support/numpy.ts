import { execFileSync, spawnSync } from "node:child_process";

/** Why there is no NumPy to compare with, where there is none. */
export const noNumpy: string | undefined = (() => {
  const { error, status } = spawnSync("python3", ["-c", "import numpy"], { encoding: "utf8" });
  if (error) return "there is no python3";
  return status === 0 ? undefined : "python3 has no numpy";
})();

/** Runs a Python program that has imported json, sys and NumPy as np, and returns what it printed. */
export function python(program: string, cwd: string, ...args: string[]): string {
  const source = `import json, sys\nimport numpy as np\n${program}`;
  return execFileSync("python3", ["-c", source, ...args], { cwd, encoding: "utf8" });
}
