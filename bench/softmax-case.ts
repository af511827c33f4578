import * as naive from "#baselines/naive";
import * as tuned from "#baselines/tuned";
import type { Case, Entry } from "./case.ts";
import { type ExpectedRow, expectSoftmax, findMismatch, sampleRows } from "./check.ts";
import type { Contender } from "./ours.ts";
import type { Problem, SoftmaxSize } from "./problem.ts";
import { createRandom } from "./random.ts";

/** Counted in elements: an exponential has no agreed number of operations. */
export function createSoftmaxCase(name: string, size: SoftmaxSize, contenders: readonly Contender[]): Case {
  const { rows, columns } = size;
  const x = createRandom(rows * 31 + columns)(rows * columns);
  const expected = sampleRows(rows, 25).map((row) => expectSoftmax(x, columns, row));
  const ours = contenders.map((contender) => createOurs(contender, x, size, expected));
  const problem: Problem = { kind: "softmax", size, inputs: { x } };
  return {
    name,
    kind: "softmax",
    size: `${rows} x ${columns}`,
    unit: "element",
    work: rows * columns,
    problem,
    slice: { problem, work: rows * columns },
    rows: expected,
    entries: [
      ...ours.map(({ entry }) => entry),
      createBaseline("tuned", tuned.softmax, x, size, expected),
      createBaseline("naive", naive.softmax, x, size, expected),
    ],
    dispose: () => ours.forEach(({ dispose }) => void dispose()),
  };
}

function createOurs(
  { engine, name, kernels, threads }: Contender,
  x: Float32Array,
  { rows, columns }: SoftmaxSize,
  expected: readonly ExpectedRow[],
): { entry: Entry; dispose(): void } {
  const input = engine.tensor([rows, columns]);
  const out = engine.tensor([rows, columns]);
  input.data.set(x);
  const run = () => void engine.softmaxSync(input, { out });
  const check = () => {
    out.data.fill(Number.NaN);
    run();
    return findMismatch(out.data, expected);
  };
  const dispose = () => [input, out].forEach((tensor) => void tensor.dispose());
  return { entry: { name, group: "ours", kernels, threads, work: rows * columns, run, check }, dispose };
}

function createBaseline(
  name: "tuned" | "naive",
  softmax: typeof tuned.softmax,
  x: Float32Array,
  { rows, columns }: SoftmaxSize,
  expected: readonly ExpectedRow[],
): Entry {
  const out = new Float32Array(rows * columns).fill(Number.NaN);
  const run = () => softmax(x, rows, columns, out);
  const check = () => {
    run();
    return findMismatch(out, expected);
  };
  return { name, group: name, threads: 1, work: rows * columns, run, check };
}
