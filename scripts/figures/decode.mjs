// What docs/kv-cache.md says of the time of a step.
import { formatTime } from "../../bench/charts/results.mjs";

export function decode({ scaling: { sides } }) {
  const { major, result } = sides[1];
  const points = result.decode.points;
  const most = Math.max(...points.map(({ x }) => x));
  const time = (tokens, cache, window) =>
    formatTime(
      points.find((point) => point.x === tokens && point.cache === cache && point.window === window)
        .milliseconds.best,
    );
  const { window } = points.find((point) => point.window !== undefined);
  const after = most.toLocaleString("en");
  return [
    "![Line chart of the time of a decoding step against the tokens so far: it grows with them, and with a window stays as it is.](images/decode.svg)",
    "",
    `On one thread of Node ${major} on ${result.machine.cpu}, a step of Llama 3 8B's shape (32 query heads on 8 of 128) after ${after} tokens takes ${time(most, "float32")} with a float32 cache, ${time(most, "bfloat16")} with bfloat16, ${time(most, "int8")} with int8, and ${time(most, "float32", window)} with a window of ${window}, which took ${time(window, "float32", window)} when it was first full.`,
  ].join("\n");
}
