// What docs/attention.md says of time and memory against length.
import { formatTime } from "../../bench/charts/results.mjs";

export function cost({ scaling: { sides } }) {
  const { major, result } = sides.at(-1);
  const points = result.lengths.points.filter(({ threads }) => threads === 1);
  const [some, most] = [points.find(({ x }) => x === 1024), points.at(-1)];
  const kib = ({ callBytes }) => `${Math.round(callBytes / 1024)} KiB`;
  const called = (point) =>
    `${point.x.toLocaleString("en")} tokens take ${formatTime(point.milliseconds.best)} and ${kib(point)}`;
  return `Measured, one head of 64 on one thread of Node ${major}: ${called(some)} of memory beside the tensors, ${called(most)}.`;
}
