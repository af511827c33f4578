// Linear scales and their ticks. d3-scale and d3-axis do the same and bring colours, formats and intervals of all kinds along:
// with them the page's script would be half as large again.

export interface Scale {
  (value: number): number;
  /** Which value is at this place. */
  readonly invert: (place: number) => number;
  readonly from: number;
  readonly to: number;
}

/** Values from `from` to `to`, at places from `begin` to `end`. */
export function linear(
  [from, to]: readonly [number, number],
  [begin, end]: readonly [number, number],
): Scale {
  const unit = (end - begin) / (to - from);
  const place = (value: number): number => begin + (value - from) * unit;
  return Object.assign(place, { from, to, invert: (at: number): number => from + (at - begin) / unit });
}

/** About so many round values, by steps of 1, 2 or 5 times a power of ten. */
export function ticks(from: number, to: number, count: number): number[] {
  const step = roundStep((to - from) / count);
  const first = Math.ceil(from / step);
  // Multiples of whole numbers, as sums of a step like 0.1 drift off.
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, n) =>
    Number(((first + n) * step).toPrecision(12)),
  );
}

/** The next value that a tick is at, for an axis that ends there. */
export function roundUp(to: number, count: number): number {
  const step = roundStep(to / count);
  return Math.ceil(to / step - 1e-9) * step;
}

function roundStep(span: number): number {
  const power = 10 ** Math.floor(Math.log10(span));
  const share = span / power;
  return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}
