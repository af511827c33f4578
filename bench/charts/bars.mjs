// Panels of horizontal bars: a label, the speed at the bar, the time of one call at the right.
import * as Plot from "@observablehq/plot";
import { asPanel, document, inner, palette } from "./page.mjs";
import { describeSize, formatNumber, formatTime, titleOf } from "./results.mjs";

const kinds = { attention: "Attention", matmul: "Matrix product" };

const labelWidth = 216;
const timeWidth = 84;
const valueWidth = 112;
const rowHeight = 33;
const headHeight = 32;
const gap = 16;

/** What a bar says of an entry of the figures. */
export function speedOf({ giga, milliseconds }) {
  return { speed: giga.best, value: formatNumber(giga.best), time: formatTime(milliseconds.best) };
}

/** What is drawn, for those who cannot see it. */
export function describeBars(work) {
  return `${heading(work)}. ${work.bars.map(describeBar).join("; ")}.`;
}

function heading(work) {
  const title = titleOf(work).replace(/^BERT-base projection$/, "a projection of BERT-base");
  return `${kinds[work.kind]} of ${title}: ${describeSize(work)}`;
}

function describeBar({ label, value, time }) {
  return `${label}: ${value} GFLOP/s (${time})`;
}

/**
 * The bars of one case.
 *
 * @param {{ bars: { label: string, fill: string, speed: number, value: string, time: string, own?: boolean }[] }} work
 * @param {number} fastest the speed that fills the width
 */
export function drawBars(work, fastest, withUnit) {
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
