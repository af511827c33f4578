// Fills Markdown files with the figures of bench/results/*.json: whatever stands between a line <!-- figures:NAME --> and the
// next <!-- /figures -->.
//   node scripts/update-readme.mjs [--check] [--results FOLDER] [--in FOLDER]
//   --check   changes nothing; exit code 1 if a file or a chart in it does not say what the figures say
//   --in      where the files lie, README.md and docs/; default the project
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { readAllResults, readDigest } from "../bench/charts/results.mjs";
import { cost } from "./figures/cost.mjs";
import { decode } from "./figures/decode.mjs";
import { efficientRegions } from "./figures/efficient.mjs";
import { peers } from "./figures/peers.mjs";
import { responsiveness } from "./figures/responsiveness.mjs";
import { rooflineRegions } from "./figures/roofline.mjs";
import { runtimes } from "./figures/runtimes.mjs";
import { serviceRegions } from "./figures/service.mjs";
import { soak } from "./figures/soak.mjs";
import { chart, chartInDocs, reached, reading, table } from "./figures/speed.mjs";
import { nodeVersions } from "./figures/versions.mjs";
import { wide } from "./figures/wide.mjs";

/** What each region of each file says, by its name. */
const documents = {
  "README.md": { chart, table, peers, wide },
  "docs/index.md": { chart: chartInDocs, table },
  "docs/attention.md": { cost },
  "docs/kv-cache.md": { decode },
  "docs/efficient-attention.md": efficientRegions,
  "docs/kernels.md": { reached },
  "docs/performance.md": { reading, ...rooflineRegions, "node-versions": nodeVersions },
  "docs/operations.md": { ...serviceRegions, responsiveness },
  "docs/memory.md": { soak },
  "docs/package.md": { runtimes },
};

const { values: options } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    results: { type: "string" },
    in: { type: "string", default: path.join(import.meta.dirname, "..") },
  },
});
try {
  process.exitCode = main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function main() {
  const results = readAllResults(options.results);
  const problems = Object.entries(documents).flatMap(([name, regions]) => update(name, regions, results));
  for (const problem of problems) console.error(problem);
  return problems.length > 0 ? 1 : 0;
}

/** Writes one file; with --check, says what is wrong with it instead. */
function update(name, regions, results) {
  const file = path.join(options.in, name);
  const found = fs.readFileSync(file, "utf8");
  const filled = fill(name, found, regions, results);
  if (options.check) return [...compare(name, found, filled), ...checkImages(file, found, results)];
  fs.writeFileSync(file, filled);
  return [];
}

function fill(document, text, regions, results) {
  const unfilled = new Set(Object.keys(regions));
  const filled = text.replace(
    /(<!-- figures:(\S+) -->\n)(.*?)(<!-- \/figures -->)/gs,
    (_, begin, name, __, end) => {
      if (!unfilled.delete(name)) {
        const names = Object.keys(regions).join(", ");
        throw new Error(`${document}: figures:${name}: there is one of each of ${names}`);
      }
      return `${begin}${regions[name](results)}\n${end}`;
    },
  );
  if (unfilled.size > 0)
    throw new Error(`${document}: no place for figures:${[...unfilled].join(", figures:")}`);
  return filled;
}

function compare(name, found, filled) {
  if (found === filled) return [];
  const lines = filled.split("\n");
  const at = found.split("\n").findIndex((line, i) => line !== lines[i]);
  return [`${name}:${at + 1}: should say "${lines[at] ?? ""}"; run "node scripts/update-readme.mjs"`];
}

/** Charts must be there and of these figures. Other images need only be there. */
function checkImages(document, text, results) {
  const digests = Object.values(results).map(({ digest }) => digest);
  const images = [...text.matchAll(/!\[[^\]]*\]\((?!\w+:)([^)\s]+)\)/g)].map(([, file]) => file);
  return images.flatMap((image) => {
    const file = path.join(path.dirname(document), image);
    if (!fs.existsSync(file)) return [`${image} is missing`];
    const digest = file.endsWith(".svg") ? readDigest(fs.readFileSync(file, "utf8")) : undefined;
    if (digest === undefined || digests.includes(digest)) return [];
    return [`${image} is of other figures: run "npm --prefix bench/charts start"`];
  });
}
