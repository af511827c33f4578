// What docs/operations.md says of how calls respond beside one another.
import { align } from "./markdown.mjs";

export function responsiveness({ responsiveness: result }) {
  const { figures, machine, date, command, long, short } = result;
  const row = (name, pick) => [name, ...figures.map((each) => formatDelays(pick(each)))];
  const header = [
    "ms: median / p99",
    ...figures.map(({ threads }) => describeThreads(threads, machine.cores)),
  ];
  const rows = [
    row("from `abort()` of a long call to its rejection", ({ abort }) => abort),
    row("a short call alone", ({ shortCallMs }) => ({ median: shortCallMs })),
    row("a short call while a long one computes", ({ shortBehindLong }) => shortBehindLong),
    row("event loop, 8 short calls always under way", ({ loop }) => loop),
    row("event loop, nothing to do", ({ idleLoop }) => idleLoop),
  ];
  return [
    "",
    ...align([header, ...rows], 1),
    "",
    `Long: ${long}, ${(figures[0].longCallMs / 1e3).toFixed(1)} s. Short: ${short}. ${machine.cpu}, ${machine.cores} cores, Node ${machine.node.slice(1)}, on ${date} by \`${command}\`.`,
    "",
  ].join("\n");
}

function describeThreads(threads, cores) {
  if (threads === 0) return "no threads";
  return threads < cores ? `threads: ${threads}, a core left free` : `threads: ${threads}, no core left`;
}

const formatDelays = ({ median, p99 }) =>
  [median, p99]
    .filter((x) => x !== undefined)
    .map(digits)
    .join(" / ");
const digits = (ms) => ms.toFixed(ms < 10 ? 1 : 0);
