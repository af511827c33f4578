// What docs/memory.md says of the soak: what the process held at each tenth, on both Node versions.
import { align, unbroken } from "./markdown.mjs";

export function soak({ soak: { sides } }) {
  return ["", ...sides.flatMap(describeSide)].join("\n");
}

function describeSide({ result }) {
  const { samples, counts, machine, seconds, rssSlope, date } = result;
  const header = ["calls", "process (RSS)", "JavaScript heap", "linear memory used", "reserved", "threads"];
  const rows = samples.map((sample) => [
    sample.calls.toLocaleString("en"),
    ...[sample.rss, sample.heap, sample.linearUsed, sample.linearReserved].map(megabytes),
    String(sample.threads ?? ""),
  ]);
  const kinds = `${number(counts.sync)} synchronous, ${number(counts.async)} asynchronous, ${number(counts.aborted)} aborted, ${number(counts.refused)} refused, ${number(counts.engines)} engines`;
  return [
    `Node ${machine.node.slice(1)} on ${machine.cpu}, ${date.slice(0, 10)}, ${Math.round(seconds / 60)} minutes: ${kinds}. After the warm-up, the first three tenths, the process grew by ${(rssSlope / 1024).toFixed(1)} KiB per 1000 calls; ${result.problems.length === 0 ? "passed" : "failed"}.`,
    "",
    ...align([header, ...rows], 0),
    "",
  ];
}

const number = (count) => count.toLocaleString("en");
const megabytes = (bytes) => unbroken(`${(bytes / 2 ** 20).toFixed(1)} MiB`);
