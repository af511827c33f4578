// Numbers as the page shows them.

/** So many significant digits, no zeros behind them. */
export function digits(x: number, count: number): string {
  if (Number.isNaN(x)) return "NaN";
  if (x === 0) return "0";
  return Math.abs(x) >= 1e-4 ? String(Number(x.toPrecision(count))) : x.toExponential(count - 1);
}

export function weightText(x: number): string {
  return digits(x, 4);
}

/** Entropies and distances; NaN comes as `null`. */
export function figure(x: number | null): string {
  if (x === null || Number.isNaN(x)) return "NaN";
  return x !== 0 && Math.abs(x) < 0.1 ? digits(x, 2) : x.toFixed(2);
}

export function percent(x: number): string {
  return `${digits(100 * x, 3)}%`;
}
