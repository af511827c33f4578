// A layer's weights in an engine's memory, packed once for all forward passes.

import { EngineTensor } from "../engine/engine-tensor.ts";
import { PanelProgram } from "../engine/program.ts";
import type { Runtime } from "../engine/runtime.ts";
import { untraced } from "../engine/tracing.ts";
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

/** The weights of one layer on one engine: room for them, which is filled once, before the first pass. */
export class WeightStore {
  readonly packed: PackedWeights;
  readonly #weights: LayerWeights;
  readonly #runtime: Runtime;
  #ready = false;
  #packing: Promise<void> | undefined;

  /** @throws AttentionError `ERR_MEMORY`; nothing is taken then */
  constructor(weights: LayerWeights, runtime: Runtime) {
    this.#weights = weights;
    this.#runtime = runtime;
    const made: Tensor[] = [];
    const reserve = ({ bias, columns, depth }: Projection): PackedProjection => {
      const weight = new EngineTensor(runtime.memory, [packedSize(columns, depth, runtime.sizes)]);
      made.push(weight);
      return { weight, bias, columns, depth };
    };
    try {
      const [query, key, value] = [reserve(weights.query), reserve(weights.key), reserve(weights.value)];
      this.packed = { query, key, value, output: reserve(weights.output) };
    } catch (error) {
      for (const tensor of made) tensor.dispose();
      throw error;
    }
  }

  get ready(): boolean {
    return this.#ready;
  }

  get isPacking(): boolean {
    return this.#packing !== undefined;
  }

  packSync(): void {
    if (this.#ready) return;
    for (const program of this.#programs())
      untraced(() => this.#runtime.runSync({ program: program(), result: undefined }));
    this.#ready = true;
  }

  /** Off the event loop: the weights of a large model take a second to copy. Those who ask meanwhile wait for the same. */
  pack(): Promise<void> {
    this.#packing ??= this.#packAll();
    return this.#packing;
  }

  async #packAll(): Promise<void> {
    try {
      for (const program of this.#programs())
        await untraced(() => this.#runtime.run({ program: program(), result: undefined }));
      this.#ready = true;
    } finally {
      this.#packing = undefined;
    }
  }

  /** One for each weight, made when it is its turn: a growth of memory detaches the view of the target. */
  #programs(): (() => PanelProgram)[] {
    const { query, key, value, output } = this.packed;
    return [
      () => packing(this.#weights.query, query, this.#runtime),
      () => packing(this.#weights.key, key, this.#runtime),
      () => packing(this.#weights.value, value, this.#runtime),
      () => packing(this.#weights.output, output, this.#runtime),
    ];
  }

  dispose(): void {
    for (const { weight } of Object.values<PackedProjection>({ ...this.packed })) weight.dispose();
  }
}

/** y = x weightT: the columns of the packed matrix are the rows of the weight. */
function packing(
  { weight, columns, depth }: Projection,
  to: PackedProjection,
  runtime: Runtime,
): PanelProgram {
  const program = new PanelProgram("MultiHeadAttention weights", runtime.sizes);
  addPacking(program, {
    source: program.input(weight),
    target: program.output(to.weight.data),
    columns,
    depth,
    depthStride: 1,
    columnStride: depth,
  });
  return program;
}
