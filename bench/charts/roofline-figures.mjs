// What the roofline's chart and table both say: the roofs, and the kernels under them.
import { kernelSets } from "./results.mjs";

/** Roofs nearer to each other are drawn as one: there is no room for a name between them. */
const clearly = 1.3;

/** The version that is drawn: the newest with the wide kernels, or the newest there is. */
export function findShown(versions) {
  return versions.findLast(({ wide }) => wide !== undefined) ?? versions.at(-1);
}

/** GFLOP/s of one thread in registers, by kernel set. */
export function peaksOf({ usual, wide }) {
  const peaks = { ...wide?.peaks, ...usual.peaks };
  return kernelSets.flatMap((set) => (peaks[set] ? [{ name: set, rate: peaks[set].best }] : []));
}

/** GB/s that so many threads read at, level by level. */
export function bandwidthsOf({ usual: { bandwidths } }, threads) {
  return bandwidths
    .filter((one) => one.threads === threads)
    .map(({ level, bytes, gigabytes }) => ({ name: level, bytes, rate: gigabytes.best }));
}

/** Neighbours of about the same height as one roof with all their names, as high as the highest. */
export function joinRoofs(roofs) {
  const joined = [];
  for (const { name, rate } of roofs) {
    const last = joined.at(-1);
    if (last && Math.max(rate, last.rate) < clearly * Math.min(rate, last.rate)) {
      last.names.push(name);
      last.rate = Math.max(last.rate, rate);
    } else joined.push({ names: [name], rate });
  }
  return joined;
}

/** The kernels in the order in which they were measured, each with its figures by kernel set. */
export function kernelsOf({ usual, wide }) {
  const all = [...usual.kernels, ...(wide?.kernels ?? [])];
  return [...new Set(all.map(({ name }) => name))].map((name) => {
    const own = all.filter((one) => one.name === name);
    const { size, flops, bytes, intensity } = own[0];
    return {
      name,
      size,
      flops,
      bytes,
      intensity,
      bySet: Object.fromEntries(own.map((one) => [one.kernels, one])),
    };
  });
}

/** How high the roof over a kernel is in a kernel set: by arithmetic, or by reading all its bytes from memory. */
export function roofOver({ intensity }, set, version) {
  const peak = peaksOf(version).find(({ name }) => name === set).rate;
  const memory = intensity * bandwidthsOf(version, 1).at(-1).rate;
  return Math.min(peak, memory);
}
