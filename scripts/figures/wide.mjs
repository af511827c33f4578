// What README.md says of the wide kernels: theirs and relaxed's times of two runs on one machine, and the native runtime's.
import {
  describeSize,
  findCase,
  findOurs,
  findPeer,
  formatTime,
  formatTimes,
  titleOf,
} from "../../bench/charts/results.mjs";
import { align, unbroken } from "./markdown.mjs";

const shown = ["bert-base", "gpt2-causal", "llama3-8b-causal", "bert-projection", "bert-feed-forward"];
const native = "onnxruntime-node";

export function wide({ speed, peers, wide: result }) {
  const [relaxed, others] = [speed.sides[1], peers.sides[1]];
  const rows = shown.map((name) => {
    const work = findCase({ result }, name);
    const best = findOurs({ kernels: "wide" }, work, 1);
    const usual = findOurs(relaxed, findCase(relaxed, name), 1).milliseconds.best;
    const peer = findPeer(findCase(others, name), native, 1).milliseconds.best;
    const cell = (ms) => unbroken(`${formatTime(ms)} (${formatTimes(ms / best.milliseconds.best)}×)`);
    return [
      `**${titleOf(work)}**, ${describeSize(work)}`,
      unbroken(formatTime(best.milliseconds.best)),
      `${(best.shareOfPeak * 100).toFixed(0)}%`,
      cell(usual),
      cell(peer),
    ];
  });
  const header = ["one call, one thread of Node 24", "`wide`", "of 128-bit peak", "`relaxed`", native];
  return [
    "",
    ...align([header, ...rows], 1),
    "",
    `In brackets, how many times as fast \`wide\` is. Node ${result.machine.node.slice(1)} on ${result.machine.cpu}, on ${result.date.slice(0, 10)} by \`${result.command}\`; ${native} ${others.result.peers[native]} by \`npm run bench:peers\`. Best runs.`,
    "",
  ].join("\n");
}
