// peers.svg: the package and other runtimes, on one thread of the newer Node.
import * as Plot from "@observablehq/plot";
import { asPanel, createPage, document, inner, palette } from "./page.mjs";
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
} from "./results.mjs";

const names = [
  "bert-base",
  "gpt2-causal",
  "llama3-8b-causal",
  "llama3-8b-step-4096",
  "bert-layer",
  "one-head",
  "bert-projection",
  "bert-scores",
];
const kinds = { matmul: "Matrix product", softmax: "Softmax" };
const fills = {
  "wasm-attention": "relaxed",
  "onnxruntime-node": "violet",
  "onnxruntime-web": "violetMore",
  "tfjs-wasm": "amber",
  "tfjs-cpu": "amberMore",
};

const labelWidth = 250;
const valueWidth = 116;
const rowHeight = 94;

export function createPeersChart({ machine, sides, digest }) {
  const side = sides[1];
  const works = names.map((name) => findCase(side, name));
  const bars = works.flatMap(barsOf);
  const coloured = (name) => ({ text: name, fill: palette[fills[name]] });
  const { peers } = side.result;
  return createPage({
    digest,
    title: `Against other runtimes: speed on one thread of Node ${side.major}`,
    subtitle: [
      [
        coloured("wasm-attention"),
        " = 1, ",
        coloured("onnxruntime-node"),
        " (native code), ",
        coloured("onnxruntime-web"),
        ",",
      ],
      [coloured("tfjs-wasm"), ", ", coloured("tfjs-cpu"), " (plain JavaScript): longer bars are faster."],
    ],
    panels: [drawPanel(works, bars)],
    notes: [
      `${describeMachine(machine)}. Best runs, time of one call at the bar.`,
      `${peerNames.map((name) => `${name} ${peers[name]}`).join(", ")}, each in its fastest way.`,
    ],
    description: `${works.map((work) => describeWork(work, bars)).join(". ")}.`,
  });
}

/** The package and those that have a result. */
function barsOf(work) {
  const ours = findPackage(work, 1);
  const entries = [["wasm-attention", ours], ...peerNames.map((peer) => [peer, findPeer(work, peer, 1)])];
  return entries
    .filter(([, entry]) => entry !== undefined)
    .map(([runtime, entry]) => ({
      name: work.name,
      runtime,
      speed: entry.giga.best / ours.giga.best,
      time: formatTime(entry.milliseconds.best),
      fill: palette[fills[runtime]],
    }));
}

function headingOf(work) {
  return kinds[work.kind] ?? titleOf(work);
}

function describeWork(work, bars) {
  const own = bars.filter(({ name }) => name === work.name);
  const speeds = own.map(({ runtime, speed, time }) => `${runtime} ${formatSpeed(speed)} times (${time})`);
  return `${headingOf(work)}, ${describeSize(work)}: ${speeds.join(", ")}`;
}

function formatSpeed(speed) {
  return speed < 0.95 ? speed.toPrecision(2) : formatTimes(speed);
}

function drawPanel(works, bars) {
  const label = { fy: "name", frameAnchor: "left", textAnchor: "start", dx: -labelWidth };
  const bar = { fy: "name", y: "runtime", x: "speed" };
  const plot = Plot.plot({
    document,
    width: inner,
    height: works.length * rowHeight,
    marginTop: 4,
    marginBottom: 4,
    marginLeft: labelWidth,
    marginRight: valueWidth,
    x: { axis: null, domain: [0, Math.max(...bars.map(({ speed }) => speed))] },
    y: { axis: null, domain: Object.keys(fills), padding: 0.06 },
    fy: { axis: null, domain: works.map(({ name }) => name), padding: 0.16 },
    color: { type: "identity" },
    marks: [
      Plot.text(works, {
        ...label,
        text: headingOf,
        dy: -10,
        fontSize: 15,
        fontWeight: 600,
        fill: palette.ink,
      }),
      Plot.text(works, { ...label, text: describeSize, dy: 10, fontSize: 13, fill: palette.muted }),
      Plot.barX(bars, { ...bar, fill: "fill", rx: 1.5, insetTop: 0.5, insetBottom: 0.5 }),
      Plot.text(bars, {
        ...bar,
        text: ({ runtime, speed, time }) =>
          runtime === "wasm-attention" ? time : `${time}, ${formatSpeed(speed)}×`,
        textAnchor: "start",
        dx: 7,
        fontSize: 12.5,
        fill: palette.ink,
      }),
    ],
  });
  return asPanel(plot);
}
