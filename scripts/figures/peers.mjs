// What README.md says of other runtimes.
import {
  describeMachine,
  describeSize,
  findCase,
  findPackage,
  findPeer,
  formatTime,
  formatTimes,
  peerNames,
  titleOf,
} from "../../bench/charts/results.mjs";
import { align, unbroken } from "./markdown.mjs";

/** Speeds that differ by less are called equal: a shared machine shows no more. */
const clearly = 1.1;

export function peers({ peers: { machine, sides }, scaling }) {
  const newer = sides[1];
  const { result } = newer;
  const names = result.cases.map(({ name }) => name);
  const header = ["one call, one thread", "on", "wasm-attention", ...peerNames];
  const lines = align([header.map(unbroken), ...names.map((name) => tableRow(sides, name))]);
  const versions = peerNames.map((name) => `${name} ${result.peers[name]}`).join(", ");
  const dates = sides
    .map(({ major, result: { date } }) => `Node ${major} on ${date.slice(0, 10)}`)
    .join(", ");
  return [
    "",
    "![Bar chart of the speed of attention, layers and products against onnxruntime-node, onnxruntime-web and TensorFlow.js.](docs/images/peers.svg)",
    "",
    ...verdicts(newer),
    "",
    ...lines,
    "",
    `Measured on ${describeMachine(machine)} by \`npm run bench:peers\` (${dates}): ${versions}. Best runs; in brackets, how`,
    "many times as fast the package is. Each runtime computes in the fastest of its ways, fused or in parts, that gives the",
    "right result, its inputs laid out as it likes best, and the weights of layers and second matrices of products packed",
    "beforehand where it can. Two threads, medians and what each runtime was asked for are in",
    "[bench/results](bench/results), what they are good at in [bench/NOTES.md](bench/NOTES.md).",
    "",
    "![Line chart of the speed of attention against the length of the sequence.](docs/images/length.svg)",
    "",
    describeLengths(scaling.sides[1]),
    "",
  ].join("\n");
}

/** Where each runtime is slower, and where it is faster. */
function verdicts(side) {
  const lines = peerNames.map((peer) => {
    const compared = side.result.cases
      .map((work) => ({ work, ratio: ratioOf(work, peer) }))
      .filter(({ ratio }) => ratio !== undefined);
    const slower = compared.filter(({ ratio }) => ratio >= clearly).map(({ ratio }) => ratio);
    const faster = compared.filter(({ ratio }) => ratio <= 1 / clearly);
    const even = compared.length - slower.length - faster.length;
    const names = faster.map(({ work, ratio }) => `${labelOf(work)} (${formatTimes(1 / ratio)}×)`);
    const parts = [
      slower.length > 0 && `slower in ${count(slower.length)}, ${formatRange(slower)}`,
      faster.length > 0 && `faster in ${faster.length}: ${names.join(", ")}`,
      even > 0 && `even in ${even}`,
    ];
    return `- **${peer}**: ${parts.filter(Boolean).join("; ")}.`;
  });
  return [
    `The other runtimes on one thread of Node ${side.major}, ${count(side.result.cases.length)}:`,
    "",
    ...lines,
  ];
}

function formatRange(ratios) {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map(formatTimes);
  return least === most ? `${least} times` : `${least} to ${most} times`;
}

function count(n) {
  return `${n} ${n === 1 ? "case" : "cases"}`;
}

function describeLengths({ major, result: { lengths } }) {
  const own = lengths.points.filter(({ threads }) => threads === 1);
  const flat = own.filter(({ x }) => x >= 512).map(({ gigaflops }) => gigaflops);
  const { x, callBytes } = own.at(-1);
  return `Speed does not fall with length: on one thread of Node ${major}, ${Math.round(Math.min(...flat))} to ${Math.round(Math.max(...flat))} GFLOP/s from 512 to ${x.toLocaleString("en")} tokens, in ${Math.round(callBytes / 1024)} KiB of working memory.`;
}

function ratioOf(work, peer) {
  const entry = findPeer(work, peer, 1);
  return entry && findPackage(work, 1).giga.best / entry.giga.best;
}

function labelOf(work) {
  const kept = work.kind === "decode" ? ` at ${/S(\d+)/.exec(work.size)[1]}` : "";
  return `${titleOf(work).replace(",", "")}${kept}`;
}

/** One case; a cell holds a line for each side. */
function tableRow(sides, name) {
  const works = sides.map((side) => findCase(side, name));
  const cell = (format) => works.map((work) => unbroken(format(work))).join("<br>");
  const bold = (work, entry, text) => (isFastest(work, entry) ? `**${text}**` : text);
  const peerCell = (peer) => (work) => {
    const entry = findPeer(work, peer, 1);
    if (entry === undefined) return "no right result";
    return bold(work, entry, `${formatTime(entry.milliseconds.best)} (${formatRatio(ratioOf(work, peer))})`);
  };
  return [
    `**${titleOf(works[0])}**<br>${describeSize(works[0])}`,
    sides.map(({ major }) => unbroken(`Node ${major}`)).join("<br>"),
    cell((work) => bold(work, findPackage(work, 1), formatTime(findPackage(work, 1).milliseconds.best))),
    ...peerNames.map((peer) => cell(peerCell(peer))),
  ];
}

function isFastest(work, entry) {
  const rivals = [findPackage(work, 1), ...peerNames.map((peer) => findPeer(work, peer, 1))].filter(Boolean);
  return entry.giga.best === Math.max(...rivals.map(({ giga }) => giga.best));
}

/** How many times as fast; less than as fast with two digits. */
export function formatRatio(ratio) {
  return ratio < 0.95 ? ratio.toFixed(2) : formatTimes(ratio);
}
