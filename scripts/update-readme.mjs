// Fills README.md with the figures of bench/results/*.json: whatever stands between a line <!-- figures:NAME --> and the
// next <!-- /figures -->.
//   node scripts/update-readme.mjs [--check] [--results FOLDER] [--readme FILE]
//   --check   changes nothing; exit code 1 if the README or a chart in it does not say what the files say
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import {
  describeMachine,
  describeSize,
  findBaseline,
  findCase,
  findOurs,
  formatTime,
  formatTimes,
  readDigest,
  readResults,
  titleOf,
} from "../bench/charts/results.mjs";

const root = path.join(import.meta.dirname, "..");
const kinds = { attention: "Attention", matmul: "Matrix product", softmax: "Softmax" };
const tableCases = [
  "bert-base",
  "gpt2-causal",
  "llama3-8b-decode",
  "one-head",
  "bert-projection",
  "bert-scores",
];

/** What each region says, by its name. */
const regions = { chart, table };

const { values: options } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    results: { type: "string" },
    readme: { type: "string", default: path.join(root, "README.md") },
  },
});
process.exitCode = main();

function main() {
  const results = readResults(options.results);
  const found = fs.readFileSync(options.readme, "utf8");
  const filled = fill(found, results);
  if (!options.check) {
    fs.writeFileSync(options.readme, filled);
    return 0;
  }
  const problems = [...compare(found, filled), ...checkImages(found, results)];
  for (const problem of problems) console.error(problem);
  return problems.length > 0 ? 1 : 0;
}

function fill(text, results) {
  const unfilled = new Set(Object.keys(regions));
  const filled = text.replace(
    /(<!-- figures:(\S+) -->\n)(.*?)(<!-- \/figures -->)/gs,
    (_, begin, name, __, end) => {
      if (!unfilled.delete(name))
        throw new Error(`figures:${name}: there is one of each of ${Object.keys(regions).join(", ")}`);
      return `${begin}${regions[name](results)}\n${end}`;
    },
  );
  if (unfilled.size > 0) throw new Error(`no place for figures:${[...unfilled].join(", figures:")}`);
  return filled;
}

function compare(found, filled) {
  if (found === filled) return [];
  const lines = filled.split("\n");
  const at = found.split("\n").findIndex((line, i) => line !== lines[i]);
  const place = `${path.basename(options.readme)}:${at + 1}`;
  return [`${place}: should say "${lines[at] ?? ""}"; run "node scripts/update-readme.mjs"`];
}

/** Charts must be there and of these figures. Other images need only be there. */
function checkImages(text, { digest }) {
  const folder = path.dirname(options.readme);
  const images = [...text.matchAll(/!\[[^\]]*\]\((?!\w+:)([^)\s]+)\)/g)].map(([, file]) => file);
  return images.flatMap((image) => {
    const file = path.join(folder, image);
    if (!fs.existsSync(file)) return [`${image} is missing`];
    const chart = file.endsWith(".svg") ? readDigest(fs.readFileSync(file, "utf8")) : undefined;
    if (chart === undefined || chart === digest) return [];
    return [`${image} is of other figures: run "npm --prefix bench/charts start"`];
  });
}

/** The chart and what it says, in words. */
function chart(results) {
  const [older, newer] = results.sides.map((side) => ({ side, work: findCase(side, "bert-base") }));
  const timeOf = ({ side, work }, threads) => formatTime(findOurs(side, work, threads).milliseconds.best);
  const ofBaseline = (group) => formatTime(findBaseline(newer.work, group).milliseconds.best);
  const { major } = newer.side;
  const sentences = [
    `Attention of BERT-base (${describeSize(newer.work)}) takes ${timeOf(newer, 1)} on one thread of Node ${major}, ` +
      `${timeOf(newer, 2)} on two, and ${timeOf(older, 1)} on one thread of Node ${older.side.major}.`,
    `On Node ${major}, tuned JavaScript takes ${ofBaseline("tuned")}, and naive loops take ${ofBaseline("naive")}.`,
  ];
  return [
    `![Bar chart of the speed of attention and of a matrix product on ${results.machine.cpu}.](docs/images/speed.svg)`,
    "",
    ...sentences,
  ].join("\n");
}

function table({ machine, sides }) {
  const rows = tableCases.flatMap((name) => sides.map((side, i) => tableRow(side, name, i === 0)));
  const header = ["one call", "on", "naive JS", "tuned JS", "1 thread", "2 threads", "times tuned JS", "of peak"];
  const lines = [header, header.map((_, i) => (i < 2 ? "---" : "---:")), ...rows];
  const runs = sides.map(
    ({ result }) =>
      `Node ${result.machine.node.slice(1)} (V8 ${result.machine.v8}) on ${result.date.slice(0, 10)} by \`${result.command}\``,
  );
  return [
    "",
    ...lines.map((cells) => `| ${cells.join(" | ")} |`),
    "",
    `Measured on ${describeMachine(machine)}: ${runs.join("; ")}.`,
    'Best runs. "Times tuned JS" is for one thread / two. "Of peak" is one thread\'s share of the fastest 128-bit',
    "multiply-and-add loop that this V8 runs on this machine, measured in the same rounds.",
    "",
  ].join("\n");
}

function tableRow(side, name, first) {
  const work = findCase(side, name);
  const [one, two] = [findOurs(side, work, 1), findOurs(side, work, 2)];
  const timeOf = (entry) => (entry ? formatTime(entry.milliseconds.best) : "");
  const title = `${kinds[work.kind]}, ${titleOf(work)}<br>${describeSize(work)}`;
  return [
    first ? title : "",
    `Node ${side.major}, ${side.kernels}`,
    timeOf(findBaseline(work, "naive")),
    timeOf(findBaseline(work, "tuned")),
    `**${timeOf(one)}**`,
    two ? `**${timeOf(two)}**` : "",
    [one, two].flatMap((entry) => (entry ? [`${formatTimes(entry.timesTuned)}×`] : [])).join(" / "),
    one.shareOfPeak === null ? "" : `${(one.shareOfPeak * 100).toFixed(0)}%`,
  ];
}
