// speed.svg: what a stranger wants to know first. BERT-base's attention and one of its matrix products, in GFLOP/s.
import * as Plot from "@observablehq/plot";
import { asPanel, createPage, document, inner, palette } from "./page.mjs";
import {
  describeMachine,
  describeSize,
  findBaseline,
  findCase,
  findOurs,
  formatNumber,
  formatTime,
  titleOf,
} from "./results.mjs";

const names = ["bert-base", "bert-projection"];
const kinds = { attention: "Attention", matmul: "Matrix product" };

const labelWidth = 216;
const timeWidth = 84;
const valueWidth = 112;
const rowHeight = 33;
const headHeight = 32;
const gap = 16;

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
    panels: works.map((work, i) => drawPanel(work, fastest, i === 0)),
    notes: [`${versions.join(", ")}. JavaScript: on Node ${sides[1].major}.`],
    description: works.map((work) => `${heading(work)}. ${work.bars.map(describeBar).join("; ")}.`).join(" "),
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
    .map(({ entry, ...bar }) => ({
      ...bar,
      speed: entry.giga.best,
      value: formatNumber(entry.giga.best),
      time: formatTime(entry.milliseconds.best),
    }));
}

function ours(side, work, threads, fill) {
  const label = threads > 1 ? `the same, ${threads} threads` : `wasm-attention, Node ${side.major}`;
  return { label, fill, entry: findOurs(side, work, threads), own: true };
}

function heading(work) {
  const title = titleOf(work).replace(/^BERT-base projection$/, "a projection of BERT-base");
  return `${kinds[work.kind]} of ${title}: ${describeSize(work)}`;
}

function describeBar({ label, value, time }) {
  return `${label}: ${value} GFLOP/s (${time})`;
}

function drawPanel(work, fastest, withUnit) {
  const { bars } = work;
  const right = inner - labelWidth;
  const plot = Plot.plot({
    document,
    width: inner,
    height: headHeight + bars.length * rowHeight + gap,
    marginTop: headHeight,
    marginBottom: gap,
    marginLeft: labelWidth,
    marginRight: valueWidth + timeWidth,
    x: { axis: null, domain: [0, fastest] },
    y: { axis: null, domain: bars.map(({ label }) => label), padding: 0.24 },
    color: { type: "identity" },
    marks: [
      Plot.text([heading(work)], {
        frameAnchor: "top-left",
        dx: -labelWidth,
        dy: -headHeight + 4,
        fontSize: 16,
        fontWeight: 600,
        fill: palette.ink,
      }),
      Plot.barX(bars, { x: "speed", y: "label", fill: "fill", insetLeft: 0.5, rx: 1.5 }),
      Plot.ruleX([0], { stroke: palette.line }),
      ...[true, false].map((own) =>
        Plot.text(
          bars.filter((bar) => (bar.own ?? false) === own),
          {
            x: 0,
            y: "label",
            text: "label",
            textAnchor: "start",
            dx: -labelWidth,
            fontSize: 15,
            fontWeight: own ? 600 : 400,
            fill: palette.ink,
          },
        ),
      ),
      Plot.text(bars, {
        x: "speed",
        y: "label",
        text: ({ value }, i) => (withUnit && i === bars.length - 1 ? `${value} GFLOP/s` : value),
        textAnchor: "start",
        dx: 8,
        fontSize: 15,
        fontWeight: 600,
        fill: palette.ink,
      }),
      Plot.text(bars, {
        x: 0,
        y: "label",
        text: "time",
        textAnchor: "end",
        dx: right,
        fontSize: 15,
        fill: palette.muted,
      }),
    ],
  });
  return asPanel(plot);
}
