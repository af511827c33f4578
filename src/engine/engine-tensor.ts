import { AttentionError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { sizeOf } from "../tensor-like.ts";
import type { LinearMemory } from "./linear-memory.ts";

interface Allocation {
  readonly memory: LinearMemory;
  readonly address: number;
}

/** A tensor that is forgotten gives its memory back, some time. */
const forgotten = /* @__PURE__ */ new FinalizationRegistry<Allocation>(({ memory, address }) =>
  memory.free(address),
);

/** A view of a tensor's memory keeps the tensor: as long as anybody has one, its memory is not forgotten. */
const tensorsOfViews = new WeakMap<Float32Array, EngineTensor>();

/** A float32 tensor in an engine's linear memory: its engine reads and writes it in place. */
export class EngineTensor extends Tensor<Float32Array> {
  readonly #memory: LinearMemory;
  readonly #address: number;
  readonly #length: number;
  #view: Float32Array;
  #disposed = false;

  constructor(memory: LinearMemory, shape: readonly number[]) {
    const length = sizeOf(shape);
    const address = memory.allocate(length * 4, `a tensor of shape [${shape.join(", ")}]`);
    const view = new Float32Array(memory.buffer, address, length).fill(0);
    super(view, Object.freeze([...shape]));
    this.#memory = memory;
    this.#address = address;
    this.#length = length;
    this.#view = view;
    tensorsOfViews.set(view, this);
    forgotten.register(this, { memory, address }, this);
  }

  override get data(): Float32Array {
    if (this.#disposed) throw new AttentionError("ERR_DISPOSED", "this tensor is disposed");
    if (this.#view.buffer !== this.#memory.buffer) {
      this.#memory.checkOpen();
      this.#view = new Float32Array(this.#memory.buffer, this.#address, this.#length);
      tensorsOfViews.set(this.#view, this);
    }
    return this.#view;
  }

  override dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    forgotten.unregister(this);
    this.#memory.free(this.#address);
  }
}
