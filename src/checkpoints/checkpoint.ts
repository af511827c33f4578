// Tensors of a checkpoint by name, whether they lie in memory or on disk.

import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import type { StateDict } from "../layer/weights.ts";
import type { SafetensorsFile } from "../safetensors/index.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { readTensor, type TensorData, unreadable } from "../tensor-like.ts";
import { arrayType } from "../typed-array.ts";

/** An open file, of which only what is asked for is read, or tensors by name in memory. */
export type Checkpoint = Pick<SafetensorsFile, "names" | "read"> | StateDict;

/** @internal Names, and how a tensor of that name is had as float32. */
export interface Weights {
  readonly names: readonly string[];
  readonly known: ReadonlySet<string>;
  readonly read: (name: string) => Promise<Tensor>;
}

/** @internal */
export function weightsOf(checkpoint: Checkpoint): Weights {
  if (typeof checkpoint !== "object" || checkpoint === null)
    throw new AttentionError(
      "ERR_OPTION",
      `"checkpoint" expected an open safetensors file or tensors by name, got ${describe(checkpoint)}`,
    );
  const names = namesIn(checkpoint);
  const known = new Set(names);
  const read = async (name: string): Promise<Tensor> => {
    if (!known.has(name)) throw new AttentionError("ERR_OPTION", `the checkpoint has no "${name}"`);
    return floats(name, isFile(checkpoint) ? await checkpoint.read(name) : checkpoint[name]);
  };
  return { names, known, read };
}

/** Names of the tensors that are there. Their data is looked at when it is read: an engine's may move until then. */
function namesIn(checkpoint: Checkpoint): readonly string[] {
  try {
    if (isFile(checkpoint)) return checkpoint.names;
    return Object.keys(checkpoint).filter((name) => checkpoint[name] != null);
  } catch (cause) {
    throw unreadable("checkpoint", cause);
  }
}

function isFile(checkpoint: Checkpoint): checkpoint is Pick<SafetensorsFile, "names" | "read"> {
  return typeof checkpoint.read === "function";
}

function floats(name: string, value: unknown): Tensor {
  const { data, shape } = readTensor<TensorData>(name, value, ["Float32Array", "Float64Array"]);
  const float32 = arrayType(data) === "Float32Array" ? data : Float32Array.from(data as Float64Array);
  return tensor(float32 as Float32Array, shape);
}
