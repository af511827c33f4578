// What README.md says of the package against plain JavaScript.
import {
  describeMachine,
  describeSize,
  findBaseline,
  findCase,
  findOurs,
  formatTime,
  formatTimes,
  titleOf,
} from "../../bench/charts/results.mjs";
import { align, unbroken } from "./markdown.mjs";

const kinds = { matmul: "Matrix product", softmax: "Softmax" };
const tableCases = [
  "bert-base",
  "gpt2-causal",
  "llama3-8b-decode",
  "one-head",
  "bert-projection",
  "bert-scores",
];

/** README.md's chart and what it says, in words. */
export function chart(results) {
  return chartFrom("docs/images/speed.svg", results);
}

/** The same on a page in docs/. */
export function chartInDocs(results) {
  return chartFrom("images/speed.svg", results);
}

function chartFrom(image, { speed: results }) {
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
    `![Bar chart of the speed of attention and of a matrix product on ${results.machine.cpu}.](${image})`,
    "",
    ...sentences,
  ].join("\n");
}

export function table({ speed: { machine, sides } }) {
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

/** A row of the table in words, for who reads such tables for the first time. */
export function reading({ speed: { sides } }) {
  const side = sides.at(-1);
  const work = findCase(side, "bert-base");
  const [one, two] = [1, 2].map((threads) => findOurs(side, work, threads));
  const time = ({ milliseconds }) => formatTime(milliseconds.best);
  return (
    `> BERT-base's attention, ${describeSize(work)}, takes ${time(one)} on one thread of Node ${side.major} and ${time(two)} on two. ` +
    `That is ${formatTimes(one.timesTuned)} and ${formatTimes(two.timesTuned)} times as fast as the best plain JavaScript on the same Node. ` +
    `One thread does ${percent(one)} of the multiplications and additions that this processor could do in that time.\n`
  );
}

/** What the kernels reach of the peak. */
export function reached({ speed: { sides } }) {
  const side = sides.at(-1);
  const share = (name) => percent(findOurs(side, findCase(side, name), 1));
  return `On one thread of Node ${side.major}, \`${side.kernels}\` reaches ${share("bert-base")} of the processor's 128-bit peak in attention of BERT-base's size, and ${share("bert-projection")} in a matrix product.\n`;
}

function percent({ shareOfPeak }) {
  return `${(shareOfPeak * 100).toFixed(0)}%`;
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
  const share = (entry) => (entry.shareOfPeak === null ? "" : percent(entry));
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
