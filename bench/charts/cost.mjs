// cost.svg: time and memory of one call against the length of the sequence.
import { drawLines } from "./lines.mjs";
import { createPage, palette } from "./page.mjs";
import { describeMachine, formatTime } from "./results.mjs";

const mebi = 2 ** 20;

export function createCostChart({ machine, sides, digest }) {
  const { major, kernels, result } = sides.at(-1);
  const alone = result.lengths.points.filter(({ threads }) => threads === 1);
  const own = { line: "own", stroke: palette[kernels] };
  const times = alone.map(({ x, milliseconds }) => ({ ...own, x, y: milliseconds.best }));
  const memory = alone.map(({ x, callBytes }) => ({ ...own, x, y: callBytes / mebi }));
  const matrix = alone.map(({ x }) => ({
    line: "matrix",
    stroke: palette.muted,
    dashed: true,
    x,
    y: (4 * x * x) / mebi,
  }));
  const x = { ticks: alone.map((point) => point.x), label: "tokens" };
  const called = (text) => ({ text, fill: palette[`${kernels}Text`] });
  return createPage({
    digest,
    title: "What attention costs",
    subtitle: [
      [`One head of 64, one thread of Node ${major}, on ${describeMachine(machine)}.`],
      ["Above, the ", called("time of a call"), ": four times as long for twice the tokens."],
      ["Below, the ", called("memory that it takes"), ". Dashed: what a matrix of all weights would take."],
    ],
    panels: [
      drawLines(times, x, { type: "log", ...decades(times), label: "milliseconds" }),
      drawLines([...memory, ...matrix], x, { type: "log", ...decades([...memory, ...matrix]), label: "MiB" }),
    ],
    notes: ["Best runs. Both axes are logarithmic."],
    description: alone.map(describe).join(" "),
  });
}

/** The powers of ten around all points. */
function decades(points) {
  const exponents = points.map(({ y }) => Math.log10(y));
  const [low, high] = [Math.floor(Math.min(...exponents)), Math.ceil(Math.max(...exponents))];
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => Number(`1e${low + i}`));
  return { domain: [ticks[0], ticks.at(-1)], ticks };
}

function describe({ x, milliseconds, callBytes }) {
  const matrix = Math.round((4 * x * x) / 1024);
  return `${x} tokens: ${formatTime(milliseconds.best)}, ${Math.round(callBytes / 1024)} KiB in place of ${matrix} KiB.`;
}
