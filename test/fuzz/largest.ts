/** The largest of some numbers, infinities and NaN aside. */
export function largestOf(numbers: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < numbers.length; i++)
    if (Number.isFinite(numbers[i])) most = Math.max(most, Math.abs(numbers[i]!));
  return most;
}
