import * as naive from "#baselines/naive";
import * as tuned from "#baselines/tuned";
import { affordableWork, type Case, type Entry } from "./case.ts";
import { type ExpectedRow, expectProduct, findMismatch, sampleRows } from "./check.ts";
import type { Contender } from "./ours.ts";
import type { MatmulInputs, MatmulSize } from "./problem.ts";
import { createRandom } from "./random.ts";

const countFlops = ({ M, K, N }: MatmulSize) => 2 * M * K * N;

export function createMatmulCase(name: string, size: MatmulSize, contenders: readonly Contender[]): Case {
  const { M, K, N } = size;
  const random = createRandom(M * 31 + N);
  const inputs: MatmulInputs = { a: random(M * K), b: random(K * N) };
  const rows = sampleRows(M, 9).map((row) => expectProduct(inputs.a, inputs.b, K, N, row));
  const slice = sliceOf(size);
  const ours = contenders.map((contender) => createOurs(contender, inputs, size, rows));
  return {
    name,
    kind: "matmul",
    size: `${M} x ${K} x ${N}`,
    unit: "FLOP",
    work: countFlops(size),
    problem: { kind: "matmul", size, inputs },
    slice: { problem: { kind: "matmul", size: slice, inputs }, work: countFlops(slice) },
    rows,
    entries: [
      ...ours.map(({ entry }) => entry),
      createBaseline("tuned", tuned.matmul, inputs, size, rows),
      createBaseline("naive", naive.matmul, inputs, slice, rows),
    ],
    dispose: () => ours.forEach(({ dispose }) => void dispose()),
  };
}

function createOurs(
  { engine, name, kernels, threads }: Contender,
  inputs: MatmulInputs,
  size: MatmulSize,
  rows: readonly ExpectedRow[],
): { entry: Entry; dispose(): void } {
  const { M, K, N } = size;
  const a = engine.tensor([M, K]);
  const b = engine.tensor([K, N]);
  const out = engine.tensor([M, N]);
  a.data.set(inputs.a);
  b.data.set(inputs.b);
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
  { a, b }: MatmulInputs,
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
