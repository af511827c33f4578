/** Merging attention over two sets of keys: two multiplications and an addition for each number of the output. */
import { expectMerge, findMismatch, sampleRows } from "../check.ts";
import type { Contender } from "../ours.ts";
import { createRandom } from "../random.ts";
import type { Kernel } from "./kernel.ts";

export function createMerge(
  name: string,
  { H, L, V }: { readonly H: number; readonly L: number; readonly V: number },
  { engine, kernels }: Contender,
): Kernel {
  const [rows, count] = [H * L, H * L * V];
  const random = createRandom(L * 31 + V);
  const parts = [0, 1].map(() => {
    const [output, logSumExp] = [engine.tensor([H, L, V]), engine.tensor([H, L])];
    output.data.set(random(count));
    logSumExp.data.set(random(rows));
    return { output, logSumExp };
  });
  const out = engine.tensor([H, L, V]);
  const run = () => void engine.mergeAttentionSync(parts, { out });
  const check = () => {
    out.data.fill(Number.NaN);
    run();
    const data = parts.map(({ output, logSumExp }) => ({ output: output.data, logSumExp: logSumExp.data }));
    return findMismatch(
      out.data,
      sampleRows(rows, 25).map((row) => expectMerge(data, V, row)),
    );
  };
  return {
    name,
    size: `H${H} L${L} V${V}`,
    kernels,
    work: 3 * count,
    bytes: 4 * 3 * (count + rows),
    run,
    check,
  };
}
