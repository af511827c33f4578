// speed.svg: what a stranger wants to know first. BERT-base's attention and one of its matrix products, in GFLOP/s.
import { describeBars, drawBars, speedOf } from "./bars.mjs";
import { createPage, palette } from "./page.mjs";
import { describeMachine, findBaseline, findCase, findOurs } from "./results.mjs";

const names = ["bert-base", "bert-projection"];

export function createSpeedChart({ machine, sides, digest }) {
  const works = names.map((name) => ({ ...findCase(sides[1], name), bars: barsOf(sides, name) }));
  const fastest = Math.max(...works.flatMap(({ bars }) => bars.map(({ speed }) => speed)));
  const versions = sides.map(
    ({ kernels, result }) => `Node ${result.machine.node.slice(1)}: ${kernels} kernels`,
  );
  return createPage({
    digest,
    title: "Attention and matrix product in Node",
    subtitle: [
      [`GFLOP/s on ${describeMachine(machine)}: longer bars are faster.`],
      ["At the right, the time of one call. Best runs."],
    ],
    panels: works.map((work, i) => drawBars(work, fastest, i === 0)),
    notes: [`${versions.join(", ")}. JavaScript: on Node ${sides[1].major}.`],
    description: works.map(describeBars).join(" "),
  });
}

/** The bars of one case from slow to fast, those left out that were not measured. */
function barsOf([strict, relaxed], name) {
  const [older, newer] = [strict, relaxed].map((side) => findCase(side, name));
  const bars = [
    { label: "Naive JavaScript", fill: palette.naive, entry: findBaseline(newer, "naive") },
    { label: "Tuned JavaScript", fill: palette.tuned, entry: findBaseline(newer, "tuned") },
    ours(strict, older, 1, palette.strict),
    ours(relaxed, newer, 1, palette.relaxed),
    ours(relaxed, newer, 2, palette.relaxed),
  ];
  return bars
    .filter(({ entry }) => entry !== undefined)
    .map(({ entry, ...bar }) => ({ ...bar, ...speedOf(entry) }));
}

function ours(side, work, threads, fill) {
  const label = threads > 1 ? `the same, ${threads} threads` : `wasm-attention, Node ${side.major}`;
  return { label, fill, entry: findOurs(side, work, threads), own: true };
}
