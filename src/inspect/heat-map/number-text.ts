/** A number as a legend shows it: three digits, powers of ten only where it must be. */
export function numberText(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e6) return String(Number(value.toPrecision(3)));
  return value.toExponential(2).replace(/\.?0*e\+?/, "e");
}
