// decode.svg: the time of a decoder's step against the tokens so far, for caches of all types and one with a window.
import { drawLines, timeTicks } from "./lines.mjs";
import { createPage, palette } from "./page.mjs";
import { describeMachine, formatTime } from "./results.mjs";

const strokes = { float32: "strict", bfloat16: "violet", int8: "amber", window: "relaxed" };

export function createDecodeChart({ sides, digest }) {
  const { major, result } = sides[1];
  const points = result.decode.points.map(({ x, cache, window, milliseconds }) => {
    const line = window === undefined ? cache : "window";
    return { x, y: milliseconds.best, line, stroke: palette[strokes[line]] };
  });
  const { window } = result.decode.points.find((point) => point.window !== undefined);
  const ticks = timeTicks(points.map(({ y }) => y));
  const coloured = (line, text = line) => ({ text, fill: palette[strokes[line]] });
  return createPage({
    digest,
    title: "Decoding: time of a step against the tokens so far",
    subtitle: [
      [
        "A cache of ",
        coloured("float32"),
        ", ",
        coloured("bfloat16"),
        ", ",
        coloured("int8"),
        ", and of float32 ",
        coloured("window", `with a window of ${window}`),
        ".",
      ],
      ["32 query heads on 8 key/value heads of 128, one token appended and attended from."],
    ],
    panels: [
      drawLines(
        points,
        { ticks: [...new Set(points.map(({ x }) => x))], label: "tokens so far" },
        { type: "log", domain: [ticks[0], ticks.at(-1)], ticks, label: "milliseconds" },
      ),
    ],
    notes: [`One thread of Node ${major} on ${describeMachine(result.machine)}. Best runs.`],
    description: Object.keys(strokes)
      .map((line) => describeLine(line, points))
      .join(" "),
  });
}

function describeLine(line, points) {
  const own = points.filter((point) => point.line === line);
  return `${line}: ${own.map(({ x, y }) => `${formatTime(y)} at ${x} tokens`).join(", ")}.`;
}
