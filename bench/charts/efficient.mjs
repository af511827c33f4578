// efficient.svg: time against length, exact attention and what would replace it.
import * as Plot from "@observablehq/plot";
import { asPanel, createPage, document, inner, palette } from "./page.mjs";
import { describeMachine, formatTime } from "./results.mjs";

/** Lines by what their names begin with. */
const looks = [
  { begins: "exact", short: "exact", stroke: palette.exact },
  { begins: "window", short: "window of 512", stroke: palette.blue },
  { begins: "Longformer", short: "Longformer", stroke: palette.green },
  { begins: "BigBird", short: "BigBird", stroke: palette.orange },
  { begins: "Linformer", short: "Linformer", stroke: palette.violet },
  { begins: "Performer", short: "Performer", stroke: palette.red },
  { begins: "linear", short: "linear attention", stroke: palette.blue },
];

const labelWidth = 132;
const panelHeight = 330;
const headHeight = 34;
const axisHeight = 44;
/** Labels at the end of lines stand at least so far apart. */
const labelStep = 17;

export function createEfficientChart({ times, machine, kernels, digest }) {
  const { contenders, E } = times;
  const causal = contenders.filter(({ name }) => name.includes("causal"));
  const open = contenders.filter((contender) => !causal.includes(contender));
  const panels = [
    { title: "Every query sees all keys, or its pattern's", lines: open },
    { title: "Causal", lines: causal },
  ].filter(({ lines }) => lines.length > 1);
  return createPage({
    digest,
    title: "Time of one call against the length of the sequence",
    subtitle: [
      [`One head of ${E}, one thread, ${kernels} kernels. Both axes are logarithmic: lower is faster.`],
    ],
    panels: panels.map((panel) => drawPanel(panel, times)),
    notes: [`${describeMachine(machine)}, Node ${machine.node.slice(1)}. Best runs.`],
    description: panels.map(({ title, lines }) => `${title}: ${lines.map(describe).join("; ")}.`).join(" "),
  });

  function describe({ name, best }) {
    return `${name} ${formatTime(best[0])} at ${times.lengths[0]} tokens, ${formatTime(best.at(-1))} at ${times.lengths.at(-1)}`;
  }
}

function lookOf(name) {
  return looks.find(({ begins }) => name.startsWith(begins));
}

function drawPanel({ title, lines }, { lengths, contenders }) {
  const points = lines.flatMap(({ name, best }) =>
    best.map((time, n) => ({ name, length: lengths[n], time, stroke: lookOf(name).stroke })),
  );
  const all = contenders.flatMap(({ best }) => best);
  const height = headHeight + panelHeight + axisHeight;
  const y = { type: "log", domain: [Math.min(...all) / 1.3, Math.max(...all) * 1.3] };
  const axis = { fontSize: 13.5, fill: palette.muted };
  const times = [0.1, 1, 10, 100, 1000].filter((time) => time > y.domain[0] && time < y.domain[1]);
  const plot = Plot.plot({
    document,
    width: inner,
    height,
    marginTop: headHeight,
    marginBottom: axisHeight,
    marginLeft: 62,
    marginRight: labelWidth,
    x: { type: "log", base: 2, domain: [lengths[0], lengths.at(-1)], axis: null },
    y: { ...y, axis: null },
    color: { type: "identity" },
    marks: [
      Plot.ruleY(times, { stroke: palette.grid }),
      Plot.ruleX(lengths, { stroke: palette.grid }),
      Plot.text([title], {
        frameAnchor: "top-left",
        dx: -62,
        dy: -headHeight + 6,
        fontSize: 16,
        fontWeight: 600,
        fill: palette.ink,
      }),
      Plot.text(times, {
        ...axis,
        x: lengths[0],
        y: (time) => time,
        text: formatTick,
        textAnchor: "end",
        dx: -8,
      }),
      Plot.text(lengths, {
        ...axis,
        x: (length) => length,
        frameAnchor: "bottom",
        text: (length) => length.toLocaleString("en-US"),
        dy: 18,
      }),
      Plot.text(["tokens"], {
        ...axis,
        x: lengths.at(-1),
        frameAnchor: "bottom",
        dx: labelWidth / 2 + 20,
        dy: 18,
      }),
      Plot.line(points, { x: "length", y: "time", z: "name", stroke: "stroke", strokeWidth: 2 }),
      Plot.dot(points, { x: "length", y: "time", fill: "stroke", r: 2.6 }),
      ...labels(lines, y.domain),
    ],
  });
  return asPanel(plot);
}

/** Names at the ends of the lines, moved apart where they would lie on one another. */
function labels(lines, [low, high]) {
  const place = (time) => panelHeight * (1 - Math.log(time / low) / Math.log(high / low));
  const sorted = [...lines].sort((a, b) => b.best.at(-1) - a.best.at(-1));
  let last = -Infinity;
  return sorted.map(({ name, best }) => {
    const natural = place(best.at(-1));
    last = Math.max(natural, last + labelStep);
    const { short, stroke } = lookOf(name);
    return Plot.text([short], {
      frameAnchor: "top-right",
      textAnchor: "start",
      dx: 10,
      dy: last - 7,
      fontSize: 14,
      fontWeight: 600,
      fill: stroke,
    });
  });
}

function formatTick(milliseconds) {
  return milliseconds >= 1000 ? `${milliseconds / 1000} s` : `${milliseconds} ms`;
}
