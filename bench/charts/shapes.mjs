// shapes.svg: every attention shape of the benchmark, in times the speed of tuned JavaScript on the same Node version.
import * as Plot from "@observablehq/plot";
import { asPanel, createPage, document, inner, palette } from "./page.mjs";
import { describeMachine, describeSize, findCase, findOurs, formatTimes, titleOf } from "./results.mjs";

const labelWidth = 266;
const valueWidth = 60;
const rowHeight = 58;
const headHeight = 22;
const footHeight = 12;
/** A number inside a bar needs this much of it. */
const textWidth = 36;
/** A second thread that adds less than this is not drawn as a step of its own. */
const worthDrawing = 1.05;

export function createShapesChart({ machine, sides, digest }) {
  const shapes = sides[0].result.cases.filter(
    ({ kind, name }) => kind === "attention" && sides.every((side) => findCase(side, name)),
  );
  const bars = shapes.flatMap((shape) => sides.map((side) => barOf(side, shape)));
  const [strict, relaxed] = sides.map(({ kernels, major }) => `Node ${major} with ${kernels} kernels`);
  return createPage({
    digest,
    title: "Attention: times faster than tuned JavaScript on the same Node",
    subtitle: [
      [
        { text: strict, fill: palette.strictText },
        " and ",
        { text: relaxed, fill: palette.relaxedText },
        ".",
      ],
      ["The strong part of a bar is one thread, the faint part what a second one adds."],
    ],
    panels: [drawPanel(shapes, bars)],
    notes: [
      `${describeMachine(machine)}. ${sides.map(({ result }) => `Node ${result.machine.node.slice(1)}`).join(", ")}.`,
      "Best runs. Tuned JavaScript: blocked loops with sums in registers, on one thread.",
    ],
    description: `${shapes.map((shape) => describeShape(shape, bars)).join(". ")}.`,
  });
}

function barOf(side, { name }) {
  const work = findCase(side, name);
  const one = findOurs(side, work, 1).timesTuned;
  const two = findOurs(side, work, 2)?.timesTuned ?? one;
  const grows = two >= one * worthDrawing;
  return {
    name,
    kernels: side.kernels,
    major: side.major,
    one,
    two: grows ? two : Math.max(one, two),
    grows,
  };
}

function describeShape(shape, bars) {
  const own = bars.filter(({ name }) => name === shape.name);
  const numbers = own.map(
    ({ major, one, two, grows }) =>
      `Node ${major} ${formatTimes(one)} times${grows ? `, ${formatTimes(two)} on two threads` : ""}`,
  );
  return `${titleOf(shape)} (${describeSize(shape)}): ${numbers.join("; ")}`;
}

function drawPanel(shapes, bars) {
  const longest = Math.max(...bars.map(({ two }) => two));
  const plotWidth = inner - labelWidth - valueWidth;
  const fits = ({ one, grows }) => grows && (one / longest) * plotWidth >= textWidth;
  const label = {
    fy: "name",
    frameAnchor: "left",
    textAnchor: "start",
    dx: -labelWidth,
    fontSize: 15,
  };
  const bar = { y: "kernels", fy: "name", insetTop: 0.5, insetBottom: 0.5, rx: 1.5 };
  const plot = Plot.plot({
    document,
    width: inner,
    height: headHeight + shapes.length * rowHeight + footHeight,
    marginTop: headHeight,
    marginBottom: footHeight,
    marginLeft: labelWidth,
    marginRight: valueWidth,
    x: { axis: null, domain: [0, longest] },
    y: { axis: null, domain: ["strict", "relaxed"], padding: 0 },
    fy: { axis: null, domain: shapes.map(({ name }) => name), padding: 0.24 },
    color: { type: "identity" },
    marks: [
      Plot.text(shapes, { ...label, text: titleOf, dy: -10, fontWeight: 600, fill: palette.ink }),
      Plot.text(shapes, { ...label, text: describeSize, dy: 10, fontSize: 13.5, fill: palette.muted }),
      Plot.barX(
        bars.filter(({ grows }) => grows),
        { ...bar, x: "two", fill: ({ kernels }) => palette[`${kernels}More`] },
      ),
      Plot.barX(bars, {
        ...bar,
        x: ({ one, two, grows }) => (grows ? one : two),
        fill: ({ kernels }) => palette[kernels],
      }),
      Plot.text(bars.filter(fits), {
        y: "kernels",
        fy: "name",
        x: "one",
        text: ({ one }) => formatTimes(one),
        textAnchor: "end",
        dx: -7,
        fontSize: 14,
        fontWeight: 600,
        fill: palette.onBar,
      }),
      Plot.text(bars, {
        y: "kernels",
        fy: "name",
        x: "two",
        text: ({ two }) => `${formatTimes(two)}×`,
        textAnchor: "start",
        dx: 7,
        fontSize: 14,
        fontWeight: 600,
        fill: ({ kernels }) => palette[`${kernels}Text`],
      }),
      Plot.text([shapes[0]], {
        fy: "name",
        x: 1,
        frameAnchor: "top",
        text: () => "1 = tuned JavaScript",
        textAnchor: "start",
        dx: -3,
        dy: -headHeight + 2,
        fontSize: 13.5,
        fill: palette.muted,
      }),
    ],
  });
  return asPanel(withLine(plot));
}

/** The line at 1, through all rows and behind the bars; Plot would draw a piece of it in each row. */
function withLine(plot) {
  const rule = document.createElementNS(plot.namespaceURI, "line");
  const x = plot.scale("x").apply(1);
  const ends = { x1: x, x2: x, y1: headHeight - 2, y2: Number(plot.getAttribute("height")) - footHeight };
  for (const [name, value] of Object.entries({ ...ends, stroke: palette.line, "stroke-dasharray": "3,3" }))
    rule.setAttribute(name, String(value));
  plot.prepend(rule);
  return plot;
}
