// roofline.svg: each kernel's speed against its arithmetic intensity, under what the processor computes and memory gives.
// "Roofline: An Insightful Visual Performance Model for Multicore Architectures" (Williams, Waterman, Patterson, 2009).
import * as Plot from "@observablehq/plot";
import { asPanel, createPage, document, inner, palette } from "./page.mjs";
import { boxOf, glyphWidth, placeLabels } from "./place-labels.mjs";
import { describeMachine, formatNumber } from "./results.mjs";
import { bandwidthsOf, findShown, joinRoofs, kernelsOf, peaksOf } from "./roofline-figures.mjs";

const height = 520;
const margins = { marginTop: 30, marginRight: 14, marginBottom: 50, marginLeft: 46 };
const x = { domain: [0.15, 3000], ticks: [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048] };
const y = { domain: [1.5, 200], ticks: [2, 5, 10, 20, 50, 100, 200] };
const fills = { strict: palette.strict, relaxed: palette.relaxed, wide: palette.violet };
const radius = 5;

/** In the table, and left out of the picture, which has room for one number of short queries. */
const besides = new Set(
  ["two", "eight", "sixteen"]
    .flatMap((queries) => ["float32", "int8"].map((type) => `${queries} queries, ${type} cache`))
    .concat("four queries, int8 cache"),
);
export function createRooflineChart({ versions, digest }) {
  const version = findShown(versions);
  const { major, usual } = version;
  const kernels = kernelsOf(version).filter(({ name }) => !besides.has(name));
  const peaks = joinRoofs(peaksOf(version));
  const bandwidths = joinRoofs(bandwidthsOf(version, 1));
  const sets = Object.keys(fills).filter((set) => kernels.some(({ bySet }) => bySet[set]));
  const runs = sets.map((set, i) => [
    ...(i === 0 ? [] : [i === sets.length - 1 ? " and " : ", "]),
    { text: set, fill: fills[set] },
  ]);
  return createPage({
    digest,
    title: `Roofline: one thread of Node ${major}`,
    subtitle: [
      [...runs.flat(), " kernels. Lines: what registers compute and what memory gives."],
      ["The higher, the faster; the further right, the more is computed with each byte."],
    ],
    panels: [drawRoofs(kernels, peaks, bandwidths)],
    notes: [`${describeMachine(usual.machine)}. Node ${usual.machine.node.slice(1)}. Best runs.`],
    description: [
      ...peaks.map(({ names, rate }) => `Peak of ${joinNames(names)}: ${formatNumber(rate)} GFLOP/s.`),
      ...bandwidths.map(({ names, rate }) => `Reading from ${joinNames(names)}: ${formatNumber(rate)} GB/s.`),
      ...kernels.map(describeKernel),
    ].join(" "),
  });
}

function describeKernel({ name, intensity, bySet }) {
  const speeds = Object.values(bySet).map((one) => `${one.kernels} ${formatNumber(one.gigaflops)} GFLOP/s`);
  return `${name}, ${formatNumber(intensity)} operations a byte: ${speeds.join(", ")}.`;
}

const along = ({ domain: [low, high] }, value) => Math.log(value / low) / Math.log(high / low);
const plotWidth = inner - margins.marginLeft - margins.marginRight;
const plotHeight = height - margins.marginTop - margins.marginBottom;
/** Pixels from the left and from the top, of the whole panel. */
const toX = (value) => margins.marginLeft + along(x, value) * plotWidth;
const toY = (value) => margins.marginTop + (1 - along(y, value)) * plotHeight;
/** How steep a roof of so many bytes a second is drawn. */
const slope =
  plotHeight / Math.log(y.domain[1] / y.domain[0]) / (plotWidth / Math.log(x.domain[1] / x.domain[0]));

/** Where the middle of a text is, in pixels of the panel. */
function placeAt(left, top) {
  return {
    frameAnchor: "top-left",
    textAnchor: "middle",
    lineAnchor: "middle",
    dx: left - margins.marginLeft,
    dy: top - margins.marginTop,
    fontSize: 13.5,
    fill: palette.ink,
  };
}

/** `L1 to L3`, `strict and relaxed`, `memory`. */
function joinNames(names) {
  return names.length > 2 ? `${names[0]} to ${names.at(-1)}` : names.join(" and ");
}

function drawRoofs(kernels, peaks, bandwidths) {
  const highest = Math.max(...peaks.map(({ rate }) => rate));
  const widest = Math.max(...bandwidths.map(({ rate }) => rate));
  const memory = bandwidths.at(-1).rate;
  // Where the roof of memory meets them: there are no points so high.
  const peakLabels = peaks.map(({ names, rate }) => {
    const text = `${joinNames(names)}, ${formatNumber(rate)} GFLOP/s`;
    return { text, x: toX(rate / memory) + 22 + (text.length * glyphWidth) / 2, y: toY(rate) - 11 };
  });
  const slanted = bandwidths.map(({ names, rate }) => bandwidthLabel(names, rate, highest));
  const points = kernels.flatMap(({ intensity, bySet }) =>
    Object.values(bySet).map(({ kernels: set, gigaflops }) => ({
      x: intensity,
      y: gigaflops,
      fill: fills[set],
    })),
  );
  const axis = { fontSize: 13.5, fill: palette.muted };
  const roof = { stroke: palette.line, strokeWidth: 1.6 };
  const line = (ends) => Plot.line(ends, { ...roof, x: "0", y: "1" });
  const plot = Plot.plot({
    document,
    width: inner,
    height,
    ...margins,
    x: { type: "log", domain: x.domain, axis: null },
    y: { type: "log", domain: y.domain, axis: null },
    color: { type: "identity" },
    marks: [
      Plot.ruleY(y.ticks, { stroke: palette.grid }),
      Plot.ruleX(x.ticks, { stroke: palette.grid }),
      Plot.text(y.ticks, {
        ...axis,
        y: (tick) => tick,
        frameAnchor: "left",
        textAnchor: "end",
        dx: -8,
        text: String,
      }),
      Plot.text(x.ticks, { ...axis, x: (tick) => tick, frameAnchor: "bottom", dy: 16, text: formatTick }),
      Plot.text(["GFLOP/s"], { ...axis, frameAnchor: "top-left", dx: -margins.marginLeft, dy: -24 }),
      Plot.text(["floating-point operations for each byte that must be moved"], {
        ...axis,
        frameAnchor: "bottom",
        dy: 40,
      }),
      ...peaks.map(({ rate }) =>
        line([
          [rate / widest, rate],
          [x.domain[1], rate],
        ]),
      ),
      ...bandwidths.map(({ rate }) =>
        line([
          [Math.max(x.domain[0], y.domain[0] / rate), Math.max(x.domain[0] * rate, y.domain[0])],
          [highest / rate, highest],
        ]),
      ),
      ...slanted.map(({ text, left, top, rotate }) => Plot.text([text], { ...placeAt(left, top), rotate })),
      ...kernels.map(({ intensity, bySet }) => {
        const speeds = Object.values(bySet).map(({ gigaflops }) => gigaflops);
        return Plot.ruleX([intensity], {
          y1: Math.min(...speeds),
          y2: Math.max(...speeds),
          stroke: palette.line,
        });
      }),
      Plot.dot(points, { x: "x", y: "y", fill: "fill", r: radius }),
      ...peakLabels.map(({ text, x: left, y: top }) => Plot.text([text], placeAt(left, top))),
      ...placeKernels(kernels, points, peaks, peakLabels, slanted).map(({ text, x: left, y: top }) =>
        Plot.text([text], { ...placeAt(left, top), fontWeight: 600 }),
      ),
    ],
  });
  return asPanel(plot);
}

/** The name of a slanted roof, at its upper end, and boxes that cover name and roof. */
function bandwidthLabel(names, rate, highest) {
  const text = `${joinNames(names)}, ${formatNumber(rate)} GB/s`;
  const length = text.length * glyphWidth;
  const angle = Math.atan(slope);
  const [endX, endY] = [toX(highest / rate), toY(highest)];
  const at = (away) => [endX - away * Math.cos(angle), endY + away * Math.sin(angle)];
  const cover = (from, to, step, shift) =>
    Array.from({ length: Math.floor((to - from) / step) }, (_, i) => {
      const [left, top] = at(from + i * step);
      return boxOf("x", left + shift, top + shift);
    });
  const fromEnd = 12;
  const [left, top] = at(fromEnd + length / 2);
  return {
    text,
    left: left - 7,
    top: top - 7,
    rotate: (-angle * 180) / Math.PI,
    boxes: [...cover(fromEnd, fromEnd + length, 8, -7), ...cover(0, inner, 4, 0)],
  };
}

function placeKernels(kernels, points, peaks, peakLabels, slanted) {
  const columns = kernels.map(({ name, intensity, bySet }) => {
    const heights = Object.values(bySet).map(({ gigaflops }) => toY(gigaflops));
    const text = name.replace(/ cache$/, "");
    return { text, x: toX(intensity), top: Math.min(...heights), bottom: Math.max(...heights) };
  });
  const dots = points.map(({ x: intensity, y: speed }) => {
    const [left, top] = [toX(intensity), toY(speed)];
    return { left: left - radius, right: left + radius, top: top - radius, bottom: top + radius };
  });
  const stems = columns.map(({ x: middle, top, bottom }) => ({
    left: middle - 1,
    right: middle + 1,
    top,
    bottom,
  }));
  const flat = peaks.map(({ rate }) => {
    const top = toY(rate);
    return { left: margins.marginLeft, right: inner, top: top - 1, bottom: top + 1 };
  });
  const named = peakLabels.map(({ text, x: left, y: top }) => boxOf(text, left, top));
  const frame = {
    left: margins.marginLeft,
    right: inner,
    top: margins.marginTop,
    bottom: height - margins.marginBottom,
  };
  return placeLabels(
    columns.sort((a, b) => a.x - b.x),
    [...dots, ...stems, ...flat, ...named, ...slanted.flatMap(({ boxes }) => boxes)],
    frame,
  );
}

function formatTick(value) {
  return value < 1 ? { 0.25: "¼", 0.5: "½" }[value] : String(value);
}
