import { MultiHeadAttention } from "wasm-attention";
import type { Case, Entry } from "./case.ts";
import { type ExpectedRow, expectLayer, findMismatch, sampleRows } from "./check.ts";
import type { Contender } from "./ours.ts";
import type { LayerInputs, LayerSize, Problem } from "./problem.ts";
import { createRandom } from "./random.ts";

/** Four projections of 2 L E E each, and the attention between them. */
export function countLayerFlops({ L, embedDim }: LayerSize): number {
  return 8 * L * embedDim * embedDim + 4 * L * L * embedDim;
}

/** A whole layer of self-attention; there is no JavaScript baseline of it. */
export function createLayerCase(name: string, size: LayerSize, contenders: readonly Contender[]): Case {
  const { L, embedDim, H } = size;
  const inputs = createInputs(size);
  const rows = sampleRows(L, 5).map((row) => expectLayer(inputs, size, row));
  const problem: Problem = { kind: "layer", size, inputs };
  const ours = contenders.map((contender) => createOurs(contender, inputs, size, rows));
  const work = countLayerFlops(size);
  return {
    name,
    kind: "layer",
    size: `L${L} E${embedDim} H${H}`,
    unit: "FLOP",
    work,
    problem,
    slice: { problem, work },
    rows,
    entries: ours.map(({ entry }) => entry),
    dispose: () => ours.forEach(({ dispose }) => void dispose()),
  };
}

/** Weights of variance 1 / E, so that heads see scores and values of the size that trained layers have. */
function createInputs({ L, embedDim }: LayerSize): LayerInputs {
  const random = createRandom(L * 31 + embedDim);
  const weight = (length: number) => random(length).map((x) => x / Math.sqrt(embedDim));
  return {
    x: random(L * embedDim),
    inWeight: weight(3 * embedDim * embedDim),
    inBias: weight(3 * embedDim),
    outWeight: weight(embedDim * embedDim),
    outBias: weight(embedDim),
  };
}

function createOurs(
  { engine, name, kernels, threads }: Contender,
  inputs: LayerInputs,
  size: LayerSize,
  rows: readonly ExpectedRow[],
): { entry: Entry; dispose(): void } {
  const { L, embedDim, H } = size;
  const layer = MultiHeadAttention.fromStateDict(
    {
      in_proj_weight: { data: inputs.inWeight, shape: [3 * embedDim, embedDim] },
      in_proj_bias: { data: inputs.inBias, shape: [3 * embedDim] },
      "out_proj.weight": { data: inputs.outWeight, shape: [embedDim, embedDim] },
      "out_proj.bias": { data: inputs.outBias, shape: [embedDim] },
    },
    { numHeads: H, engine },
  );
  const x = engine.tensor([1, L, embedDim]);
  x.data.set(inputs.x);
  const run = () => void layer.forwardSync(x);
  const check = () => findMismatch(layer.forwardSync(x).output.data, rows);
  const dispose = () => {
    layer.dispose();
    x.dispose();
  };
  return {
    entry: { name, group: "ours", kernels, threads, work: countLayerFlops(size), run, check },
    dispose,
  };
}
