// length.svg: that speed does not fall with the length of the sequence.
import { drawLines } from "./lines.mjs";
import { createPage, palette } from "./page.mjs";
import { describeMachine, formatNumber } from "./results.mjs";

export function createLengthChart({ machine, sides, digest }) {
  const points = sides.flatMap(({ kernels, major, result }) =>
    result.lengths.points.map(({ x, threads, gigaflops }) => ({
      x,
      y: gigaflops,
      line: `Node ${major}, ${threads === 1 ? "one thread" : `${threads} threads`}`,
      stroke: palette[kernels],
      dashed: threads > 1,
    })),
  );
  const most = Math.ceil(Math.max(...points.map(({ y }) => y)) / 20) * 20;
  const [older, newer] = sides.map(({ kernels, major }) => ({
    text: `Node ${major} with ${kernels} kernels`,
    fill: palette[`${kernels}Text`],
  }));
  const xTicks = [...new Set(points.map(({ x }) => x))];
  return createPage({
    digest,
    title: "Attention: speed against length",
    subtitle: [
      [older, " and ", newer, ". Dashed: two threads."],
      [`One head of 64, queries and keys of the same length, on ${describeMachine(machine)}.`],
    ],
    panels: [
      drawLines(
        points,
        { ticks: xTicks, label: "queries and keys" },
        {
          type: "linear",
          domain: [0, most],
          ticks: Array.from({ length: most / 20 + 1 }, (_, i) => 20 * i),
          label: "GFLOP/s",
        },
      ),
    ],
    notes: [describeMemory(sides[1].result), "Best runs."],
    description: [...new Set(points.map(({ line }) => line))]
      .map((line) => describeLine(line, points))
      .join(" "),
  });
}

function describeMemory({ lengths }) {
  const { x, callBytes } = lengths.points.filter(({ threads }) => threads === 1).at(-1);
  return `A call over ${x.toLocaleString("en")} keys takes ${Math.round(callBytes / 1024)} KiB of memory a thread: there is no matrix of scores.`;
}

function describeLine(line, points) {
  const own = points.filter((point) => point.line === line);
  return `${line}: ${own.map(({ x, y }) => `${formatNumber(y)} GFLOP/s at ${x}`).join(", ")}.`;
}
