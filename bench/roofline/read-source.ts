/**
 * The AssemblyScript text of a loop that only reads: `read(start, bytes, passes)`, vector after vector in order, and the sum
 * of what it read as 32-bit numbers. A line of 64 bytes at a time and eight sums, so that neither counting nor adding is
 * what it waits for. `bytes` is a multiple of `stepBytes`.
 */
const vectorsPerStep = 8;

export const stepBytes: number = vectorsPerStep * 16;

export function createReadSource(): string {
  const sums = Array.from({ length: vectorsPerStep }, (_, i) => `s${i}`);
  const lines = (format: (sum: string, i: number) => string) => sums.map(format).join("\n");
  return `export function read(start: usize, bytes: usize, passes: i32): i32 {
${lines((s) => `  let ${s} = i32x4.splat(0);`)}
  for (let pass = 0; pass < passes; pass++) {
    const end = start + bytes;
    for (let at = start; at < end; at += ${stepBytes}) {
${lines((s, i) => `      ${s} = i32x4.add(${s}, v128.load(at, ${16 * i}));`)}
    }
  }
${sums
  .slice(1)
  .map((s) => `  s0 = i32x4.add(s0, ${s});`)
  .join("\n")}
  return i32x4.extract_lane(s0, 0) + i32x4.extract_lane(s0, 1) + i32x4.extract_lane(s0, 2) + i32x4.extract_lane(s0, 3);
}
`;
}
