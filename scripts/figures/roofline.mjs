// What docs/performance.md says of the roofline.
import { describeMachine, formatNumber } from "../../bench/charts/results.mjs";
import {
  bandwidthsOf,
  findShown,
  kernelsOf,
  peaksOf,
  roofOver,
} from "../../bench/charts/roofline-figures.mjs";
import { align, unbroken } from "./markdown.mjs";

/** Each region's text, by its name. */
export const rooflineRegions = { roofs, roofline };

/** What each Node version computes in registers, and how fast it reads. */
function roofs({ roofline: { machine, versions } }) {
  const { cores } = machine;
  const peakRows = versions.map((version) => {
    const peakOf = (set) => peaksOf(version).find(({ name }) => name === set)?.rate;
    return [
      unbroken(`Node ${version.major}`),
      ...["strict", "relaxed", "wide"].map((set) => format(peakOf(set))),
    ];
  });
  const counts = cores > 1 ? [1, cores] : [1];
  const levels = bandwidthsOf(versions[0], 1);
  const readRows = versions.flatMap((version) =>
    counts.map((threads) => [
      unbroken(`Node ${version.major}, ${threads === 1 ? "one thread" : `${threads} threads`}`),
      ...bandwidthsOf(version, threads).map(({ rate }) => format(rate)),
    ]),
  );
  return [
    "",
    ...align(
      [
        ["GFLOP/s, one thread", "`strict`: × and +", "`relaxed`: fused", "`wide`: fused, 256 bits"],
        ...peakRows,
      ],
      1,
    ),
    "",
    ...align(
      [["GB/s read", ...levels.map(({ name, bytes }) => `${name}, ${formatBytes(bytes)}`)], ...readRows],
      1,
    ),
    "",
    `${describeMachine(machine)}. ${versions.map(describeRuns).join("; ")}. Best runs.`,
    "",
  ].join("\n");
}

function format(rate) {
  return rate === undefined ? "" : formatNumber(rate);
}

function formatBytes(bytes) {
  return unbroken(bytes < 2 ** 20 ? `${bytes / 2 ** 10} KiB` : `${bytes / 2 ** 20} MiB`);
}

function describeRuns({ usual, wide }) {
  const commands = [usual, wide].filter(Boolean).map(({ command }) => `\`${command}\``);
  return `Node ${usual.machine.node.slice(1)} on ${usual.date.slice(0, 10)} by ${commands.join(" and ")}`;
}

/** Every kernel: what it may reach, and what it does in each kernel set of the oldest version and of the one that is drawn. */
function roofline({ roofline: { versions } }) {
  const shown = findShown(versions);
  const columns = [...new Set([versions[0], shown])].flatMap((version) =>
    peaksOf(version).map(({ name }) => ({ version, set: name, kernels: kernelsOf(version) })),
  );
  const header = [
    "kernel",
    "FLOP / byte",
    ...columns.map(({ version, set }) => unbroken(`Node ${version.major}, \`${set}\``)),
    "GB/s",
  ];
  const rows = kernelsOf(shown).map((kernel) => [
    `**${kernel.name}**<br>${unbroken(kernel.size)}`,
    formatNumber(kernel.intensity),
    ...columns.map(({ version, set, kernels }) => {
      const figures = kernels.find(({ name }) => name === kernel.name)?.bySet[set];
      if (figures === undefined) return "";
      const share = figures.gigaflops / roofOver(kernel, set, version);
      return unbroken(`${formatNumber(figures.gigaflops)} (${(100 * share).toFixed(0)}%)`);
    }),
    formatNumber(Math.max(...Object.values(kernel.bySet).map(({ gigabytes }) => gigabytes))),
  ]);
  return [
    "",
    "![Roofline chart: speed of each kernel against its operations per byte, under the peaks and bandwidths of the machine.](images/roofline.svg)",
    "",
    ...align([header, ...rows], 1),
    "",
    `GFLOP/s of one thread, by Node version and kernel set; in brackets, the share of the roof over it. GB/s: bytes counted, by the fastest set of Node ${shown.major}.`,
    "",
  ].join("\n");
}
