// Fills README.md and docs/efficient-attention.md with the figures of bench/results/*.json: whatever stands between a
// line <!-- figures:NAME --> and the next <!-- /figures -->.
//   node scripts/update-readme.mjs [--check] [--results FOLDER] [--readme FILE]
//   --check   changes nothing; exit code 1 if a document or a chart in it does not say what the files say
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
  readEfficient,
  readResults,
  titleOf,
} from "../bench/charts/results.mjs";
import { efficientRegions } from "./efficient-figures.mjs";
import { align, unbroken } from "./markdown-table.mjs";

const root = path.join(import.meta.dirname, "..");
const kinds = { matmul: "Matrix product", softmax: "Softmax" };
const tableCases = [
  "bert-base",
  "gpt2-causal",
  "llama3-8b-decode",
  "one-head",
  "bert-projection",
  "bert-scores",
];

/** What each region of the README says, by its name. */
const readmeRegions = { chart, table };

const { values: options } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    results: { type: "string" },
    readme: { type: "string", default: path.join(root, "README.md") },
  },
});
try {
  process.exitCode = main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function main() {
  const documents = [
    { file: options.readme, regions: readmeRegions, results: readResults(options.results) },
    {
      file: path.join(root, "docs", "efficient-attention.md"),
      regions: efficientRegions,
      results: readEfficient(options.results),
    },
  ];
  const problems = documents.flatMap(update);
  for (const problem of problems) console.error(problem);
  return problems.length > 0 ? 1 : 0;
}

/** Fills a document, or says what it should say. */
function update({ file, regions, results }) {
  const found = fs.readFileSync(file, "utf8");
  const filled = fill(found, regions, results);
  if (options.check) return [...compare(file, found, filled), ...checkImages(file, found, results)];
  fs.writeFileSync(file, filled);
  return [];
}

function fill(text, regions, results) {
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

function compare(file, found, filled) {
  if (found === filled) return [];
  const lines = filled.split("\n");
  const at = found.split("\n").findIndex((line, i) => line !== lines[i]);
  const place = `${path.basename(file)}:${at + 1}`;
  return [`${place}: should say "${lines[at] ?? ""}"; run "node scripts/update-readme.mjs"`];
}

/** Charts must be there and of these figures. Other images need only be there. */
function checkImages(document, text, { digest }) {
  const folder = path.dirname(document);
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
    `BERT-base's attention (${describeSize(newer.work)}) takes ${timeOf(newer, 1)} on one thread of Node ${major}, ` +
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
  const header = ["one call", "on", "naive JS", "tuned JS", "1 thread", "2 threads", "× tuned JS", "of peak"];
  const lines = align([header.map(unbroken), ...tableCases.map((name) => tableRow(sides, name))]);
  const runs = sides.map(
    ({ result }) =>
      `Node ${result.machine.node.slice(1)} (V8 ${result.machine.v8}) on ${result.date.slice(0, 10)} by \`${result.command}\``,
  );
  return [
    "",
    "Time of one call: attention at the sizes of published models, a matrix product, a softmax.",
    "",
    ...lines,
    "",
    `Measured on ${describeMachine(machine)}: ${runs.join("; ")}.`,
    'Best runs. "× tuned JS" is for one thread / two. "Of peak" is one thread\'s share of the fastest loop of 128-bit',
    "multiplications and additions that this V8 runs on this machine, measured in the same rounds. The package reads and",
    "writes tensors of its engine. Naive loops that would take too long run on a slice, scaled by counted operations.",
    "",
  ].join("\n");
}

/** One case; a cell holds a line for each side. */
function tableRow(sides, name) {
  const works = sides.map((side) => ({ side, work: findCase(side, name) }));
  const { work } = works[0];
  const cell = (format) => {
    const lines = works.map((one) => unbroken(format(one)));
    return lines.every((line) => line === "") ? "" : lines.join("<br>");
  };
  const timeOf = (entry) => (entry ? formatTime(entry.milliseconds.best) : "");
  const bold = (text) => (text === "" ? "" : `**${text}**`);
  const ours = ({ side, work }) => [1, 2].map((threads) => findOurs(side, work, threads)).filter(Boolean);
  const share = (entry) => (entry.shareOfPeak === null ? "" : `${(entry.shareOfPeak * 100).toFixed(0)}%`);
  return [
    `**${kinds[work.kind] ?? titleOf(work)}**<br>${describeSize(work)}`,
    cell(({ side }) => `Node ${side.major}`),
    cell((one) => timeOf(findBaseline(one.work, "naive"))),
    cell((one) => timeOf(findBaseline(one.work, "tuned"))),
    cell((one) => bold(timeOf(ours(one)[0]))),
    cell((one) => bold(timeOf(ours(one)[1]))),
    cell((one) =>
      ours(one)
        .map(({ timesTuned }) => `${formatTimes(timesTuned)}×`)
        .join(" / "),
    ),
    cell((one) => share(ours(one)[0])),
  ];
}
