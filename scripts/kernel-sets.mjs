// The kernel sets that are built, and the block sizes of each: the constants of assembly/tile-sizes.ts, which without their
// types are JavaScript, with what asconfig.json defines for the set.
import fs from "node:fs";

export const KERNEL_SETS = ["strict", "relaxed", "wide"];

export function sizesOf(set) {
  const constants = fs
    .readFileSync("assembly/tile-sizes.ts", "utf8")
    .replace(/^export /gm, "")
    .replace(/(?<=const \w+): \w+|<usize>/g, "");
  const names = [...constants.matchAll(/^const (\w+)/gm)].map(([, name]) => name);
  const { enable = [], use = [] } = JSON.parse(fs.readFileSync("asconfig.json", "utf8")).targets[set];
  const evaluate = new Function(
    "ASC_FEATURE_RELAXED_SIMD",
    "WIDE",
    "isDefined",
    `${constants}; return { ${names.join(", ")} };`,
  );
  return evaluate(enable.includes("relaxed-simd"), use.includes("WIDE=1"), Boolean);
}
