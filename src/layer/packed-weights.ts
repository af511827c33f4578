// A layer's weights in an engine's memory, packed once for all forward passes.

import { EngineTensor } from "../engine/engine-tensor.ts";
import { PanelProgram } from "../engine/program.ts";
import type { Runtime } from "../engine/runtime.ts";
import { addPacking, packedSize } from "../plan/matmul.ts";
import type { Tensor } from "../tensor.ts";
import type { LayerWeights, Projection } from "./weights.ts";

/** A projection whose weight is packed; the bias stays a plain array, it is small. */
export interface PackedProjection {
  readonly weight: Tensor;
  readonly bias: Float32Array | undefined;
  readonly columns: number;
  readonly depth: number;
}

export interface PackedWeights {
  readonly query: PackedProjection;
  readonly key: PackedProjection;
  readonly value: PackedProjection;
  readonly output: PackedProjection;
}

export function packWeights(weights: LayerWeights, runtime: Runtime): PackedWeights {
  return {
    query: packProjection(weights.query, runtime),
    key: packProjection(weights.key, runtime),
    value: packProjection(weights.value, runtime),
    output: packProjection(weights.output, runtime),
  };
}

/** y = x weightT: the columns of the packed matrix are the rows of the weight. */
function packProjection({ weight, bias, columns, depth }: Projection, runtime: Runtime): PackedProjection {
  const packed = new EngineTensor(runtime.memory, [packedSize(columns, depth, runtime.sizes)]);
  const program = new PanelProgram("MultiHeadAttention weights", runtime.sizes);
  addPacking(program, {
    source: program.input(weight),
    target: program.output(packed.data),
    columns,
    depth,
    depthStride: 1,
    columnStride: depth,
  });
  runtime.runSync({ program, result: undefined });
  return { weight: packed, bias, columns, depth };
}

export function disposeWeights({ query, key, value, output }: PackedWeights): void {
  for (const projection of [query, key, value, output]) projection.weight.dispose();
}
