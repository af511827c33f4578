/** Processes of their own, for what is not to befall the one that tests run in. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a module in a process of its own, which is killed (code null) if it does not end by itself. */
export function run(source: string, flags: readonly string[] = [], milliseconds = 30_000): Promise<Ended> {
  const prelude =
    'import { createEngine, scaledDotProductAttention, softmaxSync, tensor } from "wasm-attention";\n';
  const child = spawn(process.execPath, [...flags, "--input-type=module", "-e", prelude + source], {
    cwd: root,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      output += chunk;
    });
  const timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
  return new Promise((resolve) => {
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}
