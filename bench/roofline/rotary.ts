/** Rotary positions of heads: a pair of numbers takes 4 multiplications and 2 additions. */
import { expectRotary, findMismatch, sampleRows } from "../check.ts";
import type { Contender } from "../ours.ts";
import { createRandom } from "../random.ts";
import type { Kernel } from "./kernel.ts";

export function createRotary(
  name: string,
  { H, L, E }: { readonly H: number; readonly L: number; readonly E: number },
  { engine, kernels }: Contender,
): Kernel {
  const count = H * L * E;
  const x = engine.tensor([H, L, E]);
  x.data.set(createRandom(L * 31 + E)(count));
  const [cos, sin] = [Math.cos, Math.sin].map((of) => {
    const table = engine.tensor([L, E / 2]);
    for (let i = 0; i < table.data.length; i++) {
      const [position, f] = [Math.floor(i / (E / 2)), i % (E / 2)];
      table.data[i] = of(position * 10000 ** ((-2 * f) / E));
    }
    return table;
  });
  const run = () => engine.applyRotary(x, { cos, sin });
  const check = () => {
    const rows = sampleRows(H * L, 25).map((row) =>
      expectRotary(x.data, { cos: cos.data, sin: sin.data }, E, row),
    );
    return findMismatch(run().data, rows);
  };
  const size = `H${H} L${L} E${E}`;
  return {
    name,
    size,
    kernels,
    work: 3 * count,
    bytes: 4 * (2 * count + L * E),
    run: () => void run(),
    check,
  };
}
