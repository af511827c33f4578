import * as naive from "#baselines/naive";
import * as tuned from "#baselines/tuned";
import { affordableWork, type Case, type Entry } from "./case.ts";
import { type ExpectedRow, expectProduct, findMismatch, sampleRows } from "./check.ts";
import type { Contender } from "./ours.ts";
import { createRandom } from "./random.ts";
import type { MatmulSize } from "./shapes.ts";

interface Operands {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

const countFlops = ({ M, K, N }: MatmulSize) => 2 * M * K * N;

export function createMatmulCase(name: string, size: MatmulSize, contenders: readonly Contender[]): Case {
  const { M, K, N } = size;
  const random = createRandom(M * 31 + N);
  const operands: Operands = { a: random(M * K), b: random(K * N) };
  const rows = sampleRows(M, 9).map((row) => expectProduct(operands.a, operands.b, K, N, row));
  const ours = contenders
    .filter(({ threads }) => threads === 1)
    .map((contender) => createOurs(contender, operands, size, rows));
  return {
    name,
    kind: "matmul",
    size: `${M} x ${K} x ${N}`,
    unit: "FLOP",
    work: countFlops(size),
    entries: [
      ...ours.map(({ entry }) => entry),
      createBaseline("tuned", tuned.matmul, operands, size, rows),
      createBaseline("naive", naive.matmul, operands, sliceOf(size), rows),
    ],
    dispose: () => ours.forEach(({ dispose }) => void dispose()),
  };
}

function createOurs(
  { engine, name, kernels, threads }: Contender,
  operands: Operands,
  size: MatmulSize,
  rows: readonly ExpectedRow[],
): { entry: Entry; dispose(): void } {
  const { M, K, N } = size;
  const a = engine.tensor([M, K]);
  const b = engine.tensor([K, N]);
  const out = engine.tensor([M, N]);
  a.data.set(operands.a);
  b.data.set(operands.b);
  const run = () => void engine.matmulSync(a, b, { out });
  const check = () => {
    out.data.fill(Number.NaN);
    run();
    return findMismatch(out.data, rows);
  };
  const dispose = () => [a, b, out].forEach((tensor) => void tensor.dispose());
  return { entry: { name, group: "ours", kernels, threads, work: countFlops(size), run, check }, dispose };
}

function createBaseline(
  name: "tuned" | "naive",
  matmul: typeof tuned.matmul,
  { a, b }: Operands,
  size: MatmulSize,
  rows: readonly ExpectedRow[],
): Entry {
  const { M, K, N } = size;
  const out = new Float32Array(M * N).fill(Number.NaN);
  const run = () => matmul(a, b, M, K, N, out);
  const check = () => {
    run();
    return findMismatch(out, rows);
  };
  return { name, group: name, threads: 1, work: countFlops(size), run, check };
}

/** The first rows of A where all of them are too many. */
function sliceOf(size: MatmulSize): MatmulSize {
  const rows = Math.max(1, Math.floor(affordableWork / (2 * size.K * size.N)));
  return { ...size, M: Math.min(size.M, rows) };
}
