// A panel of lines over a logarithmic axis, drawn in the page's colours so that they can be exchanged for dark ones.
import * as Plot from "@observablehq/plot";
import { asPanel, document, inner, palette } from "./page.mjs";

const height = 380;
const margins = { marginTop: 34, marginRight: 20, marginBottom: 46, marginLeft: 52 };

/**
 * @param {{ x: number, y: number, line: string, stroke: string, dashed?: boolean }[]} points
 * @param {{ ticks: number[], label: string }} x a logarithmic axis
 * @param {{ type: "log" | "linear", domain?: number[], ticks: number[], label: string }} y
 */
export function drawLines(points, x, y) {
  const isDashed = ({ dashed = false }) => dashed;
  const line = (of, dash) =>
    Plot.line(of, { x: "x", y: "y", z: "line", stroke: "stroke", strokeWidth: 2.2, strokeDasharray: dash });
  const text = { fontSize: 14, fill: palette.muted };
  const plot = Plot.plot({
    document,
    width: inner,
    height,
    ...margins,
    x: { type: "log", base: 2, domain: [x.ticks[0], x.ticks.at(-1)], axis: null },
    y: { type: y.type, domain: y.domain, axis: null },
    color: { type: "identity" },
    marks: [
      Plot.ruleY(y.ticks, { stroke: palette.border }),
      Plot.text(y.ticks, {
        y: (tick) => tick,
        frameAnchor: "left",
        textAnchor: "end",
        dx: -8,
        text: (tick) => String(tick),
        ...text,
      }),
      Plot.text(x.ticks, {
        x: (tick) => tick,
        frameAnchor: "bottom",
        dy: 18,
        text: (tick) => tick.toLocaleString("en"),
        ...text,
      }),
      Plot.text([y.label], {
        frameAnchor: "top-left",
        textAnchor: "start",
        dx: -margins.marginLeft,
        dy: -28,
        ...text,
      }),
      Plot.text([x.label], { frameAnchor: "bottom", dy: 40, ...text }),
      line(points.filter(isDashed), "7,4"),
      line(points.filter((point) => !isDashed(point))),
      Plot.dot(points, { x: "x", y: "y", fill: "stroke", r: 3.2 }),
    ],
  });
  return asPanel(plot);
}

/** The times below and above all points that are 1, 2 or 5 times a power of ten. */
export function timeTicks(times) {
  const steps = Array.from({ length: 12 }, (_, i) => [1, 2, 5].map((step) => step * 10 ** (i - 4))).flat();
  const ticks = steps.map((step) => Number(step.toPrecision(1)));
  const first = ticks.findLastIndex((tick) => tick <= Math.min(...times));
  const last = ticks.findIndex((tick) => tick >= Math.max(...times));
  return ticks.slice(first, last + 1);
}
