/** Numbers as a reader wants them. */

export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** Three digits. */
export function figure(x: number): string {
  return x >= 99.95 ? x.toFixed(0) : x >= 9.995 ? x.toFixed(1) : x.toFixed(2);
}

/** Three digits and a unit: 371 k, 10.3 G. */
export function scaled(x: number): string {
  const units = ["", " k", " M", " G", " T"];
  let unit = 0;
  for (; x >= 1000 && unit < units.length - 1; unit++) x /= 1000;
  return figure(x) + units[unit];
}

export function time(milliseconds: number): string {
  if (milliseconds >= 10_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  if (milliseconds < 0.0995) return `${(1000 * milliseconds).toPrecision(3)} µs`;
  return milliseconds >= 99.95 ? `${milliseconds.toFixed(0)} ms` : `${milliseconds.toPrecision(3)} ms`;
}

export function bytes(n: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${unit === 0 ? n : figure(n)} ${units[unit]}`;
}
