/** The largest of some numbers, 0 of none. A spread would put a number for each batch entry on the stack. */
export function largest(numbers: readonly number[]): number {
  return numbers.reduce((most, n) => Math.max(most, n), 0);
}
