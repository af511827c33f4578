// What docs/performance.md says of Node versions.
import {
  describeMachine,
  describeSize,
  findCase,
  findPackage,
  findPeer,
  formatNumber,
  formatTime,
  listVersions,
  titleOf,
} from "../../bench/charts/results.mjs";
import { align, unbroken } from "./markdown.mjs";
import { formatRatio } from "./peers.mjs";

const names = ["bert-base", "gpt2-causal", "bert-projection", "llama3-8b-decode"];
const native = "onnxruntime-node";

export function nodeVersions({ versions: { machine, versions } }) {
  const columns = names.map((name) => listVersions(versions, name));
  const titles = columns.map(([{ work }]) => `${titleOf(work)}<br>${describeSize(work)}`);
  const rows = columns[0].map(({ major, kernels }) => [
    unbroken(`Node ${major}`),
    `\`${kernels}\``,
    ...columns.map((column) => {
      const found = column.find((one) => one.major === major && one.kernels === kernels);
      return found ? unbroken(formatEntry(found.entry)) : "";
    }),
  ]);
  return [
    "",
    "![Bar chart of the speed of attention, a matrix product and a decoding step on each Node version, by kernel set.](images/versions.svg)",
    "",
    ...align([["", "kernels", ...titles], ...rows]),
    "",
    `Time of one call on one thread, and its share of the 128-bit peak. ${describeMachine(machine)}: ${versions.map(describeRun).join("; ")}. Best runs.`,
    "",
    ...usualKernels(versions),
  ].join("\n");
}

function formatEntry({ milliseconds, shareOfPeak }) {
  const share = shareOfPeak === null ? "" : ` (${(100 * shareOfPeak).toFixed(0)}%)`;
  return `${formatTime(milliseconds.best)}${share}`;
}

function describeRun({ usual: { machine, date } }) {
  return `Node ${machine.node.slice(1)} (V8 ${machine.v8}) on ${date.slice(0, 10)}`;
}

/** Long sequences and the native runtime, with the kernels that the package picks by itself. */
function usualKernels(versions) {
  const measured = versions.filter(({ peers, scaling }) => peers ?? scaling);
  if (measured.length === 0) return [];
  const header = [
    "with the kernels that are picked by default",
    "16,384 tokens, one head of 64",
    "step after 65,536 tokens",
    `BERT-base, × ${native}`,
    `step at 4096, × ${native}`,
  ];
  const rows = measured.map(({ major, peers, scaling }) => [
    unbroken(`Node ${major}`),
    scaling ? unbroken(`${formatNumber(longest(scaling.lengths).gigaflops)} GFLOP/s`) : "",
    scaling ? unbroken(formatTime(longest(scaling.decode).milliseconds.best)) : "",
    ratioTo(peers, "bert-base"),
    ratioTo(peers, "llama3-8b-step-4096"),
  ]);
  return [
    ...align([header, ...rows], 1),
    "",
    "One thread. The last two columns: how many times as fast as the native runtime the package is (`npm run bench:peers`,",
    "`npm run bench:scaling`).",
    "",
  ];
}

/** The last point of one thread; of a decoder with a float32 cache and no window. */
function longest({ points }) {
  return points.findLast(
    ({ threads, cache = "float32", window }) => threads === 1 && cache === "float32" && window === undefined,
  );
}

function ratioTo(peers, name) {
  const work = peers && findCase({ result: peers }, name);
  const peer = work && findPeer(work, native, 1);
  return peer ? formatRatio(findPackage(work, 1).giga.best / peer.giga.best) : "";
}
