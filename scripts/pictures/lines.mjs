// Pictures of curves: one or more plots side by side, each with axes, and a legend for all.
import { scaleLinear, scaleLog } from "d3-scale";
import { curveLinear, curveStepAfter, line } from "d3-shape";
import { escapeText, openPicture, round } from "./picture.mjs";

const MARGIN = { top: 44, right: 18, bottom: 40, left: 46 };
const BETWEEN = 20;
const LEGEND = 26;
const LETTER = 5.9;

const extra = `
.curve{fill:none;stroke-width:2;stroke-linejoin:round}
.blue{stroke:#3d85d9}.orange{stroke:#e07b2e}.green{stroke:#1f9e84}.violet{stroke:#9b6bd3}.grey{stroke:#8b949e}
.grid{stroke:#8b949e;stroke-opacity:.22}.axis{stroke:#8b949e}.rule{stroke:#8b949e;stroke-dasharray:3 3}
.dots{fill:none;stroke-width:4;stroke-linecap:round}
@media(prefers-color-scheme:dark){
.blue{stroke:#4d97ec}.orange{stroke:#ec8b40}.green{stroke:#2bb595}.violet{stroke:#b38ae6}
}
`;

/**
 * A plot: `code` and `note` stand above it; `x` and `y` have a `domain` and `ticks`, x a `label`; they are logarithmic with `log`. A series: a `colour`, its `points` as [x, y], and whether they are joined by `steps` or drawn as `dots`.
 * `rules` are dashed lines at an x, each with a text or none.
 */
export function drawLines({ title, description, plots, legend, width = 340, height = 250 }) {
  const total = plots.length * width + (plots.length - 1) * BETWEEN;
  const drawn = plots.map((plot, n) => [
    `<g transform="translate(${n * (width + BETWEEN)},0)">`,
    ...drawPlot(plot, width, height),
    "</g>",
  ]);
  return [
    ...openPicture({ title, description, width: total, height: height + LEGEND, extra }),
    ...drawn.flat(),
    `<g transform="translate(${MARGIN.left},${height + 4})">`,
    ...drawLegend(legend),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function drawPlot({ code, note, x, y, series, rules = [] }, width, height) {
  const toX = scaleOf(x).range([MARGIN.left, width - MARGIN.right]);
  const toY = scaleOf(y).range([height - MARGIN.bottom, MARGIN.top]);
  const [left, right] = toX.range();
  const [bottom, top] = toY.range();
  const path = (commands, look) => `<path class="${look}" d="${commands}"/>`;
  return [
    `<text class="code" x="${left}" y="13">${escapeText(code)}</text>`,
    `<text x="${left}" y="29">${escapeText(note)}</text>`,
    path(y.ticks.map((tick) => `M${left} ${round(toY(tick))}H${right}`).join(""), "grid"),
    ...y.ticks.map((tick) => label(left - 6, toY(tick) + 3.5, format(tick), "end")),
    ...x.ticks.map((tick) => label(toX(tick), bottom + 15, format(tick), "middle")),
    path(`M${left} ${bottom}H${right}`, "axis"),
    `<text class="middle" x="${round((left + right) / 2)}" y="${height - 8}">${escapeText(x.label)}</text>`,
    ...rules.flatMap(({ at, text = "", row = 0 }) => [
      path(`M${round(toX(at))} ${top}V${bottom}`, "rule"),
      ...(text ? [label(toX(at) + 4, top + 9 + 12 * row, text, "start")] : []),
    ]),
    ...series.map((one) => drawSeries(one, toX, toY)),
  ];
}

function drawSeries({ colour, points, steps = false, dots = false, faint = false }, toX, toY) {
  const opacity = faint ? ' opacity=".55"' : "";
  if (dots) {
    const marks = points.map(([a, b]) => `M${round(toX(a))} ${round(toY(b))}h0`).join("");
    return `<path class="dots ${colour}"${opacity} d="${marks}"/>`;
  }
  const curve = line(
    ([a]) => toX(a),
    ([, b]) => toY(b),
  )
    .curve(steps ? curveStepAfter : curveLinear)
    .digits(1);
  return `<path class="curve ${colour}"${opacity} d="${curve(points)}"/>`;
}

function drawLegend(entries) {
  let x = 0;
  return entries.map(({ colour, text, dots = false }) => {
    const mark = dots ? '<path class="dots COLOUR" d="M9 8h0"/>' : '<path class="curve COLOUR" d="M0 8h18"/>';
    const entry = `<g transform="translate(${round(x)},0)">${mark.replace("COLOUR", colour)}<text x="24" y="12">${escapeText(text)}</text></g>`;
    x += 24 + text.length * LETTER + 18;
    return entry;
  });
}

function scaleOf({ domain, log = false }) {
  return (log ? scaleLog() : scaleLinear()).domain(domain);
}

function label(x, y, text, anchor) {
  return `<text class="name" text-anchor="${anchor}" x="${round(x)}" y="${round(y)}">${escapeText(text)}</text>`;
}

function format(tick) {
  return typeof tick === "number" && tick < 0 ? `−${-tick}` : String(tick);
}
