// Every subpath, as a user's program imports it.
import { createEngine, type Engine, scaledDotProductAttention, type Tensor, tensor } from "wasm-attention";
import { type FoundAttention, findAttentionLayers } from "wasm-attention/checkpoints";
import { bigBird } from "wasm-attention/efficient";
import { readNpy } from "wasm-attention/npy";
import { attention } from "wasm-attention/onnx";
import * as reference from "wasm-attention/reference";
import { readSafetensors, writeSafetensors } from "wasm-attention/safetensors";
import { MultiheadAttention } from "wasm-attention/torch";
import "wasm-attention/worker";

const x: Tensor = tensor([1, 2, 3, 4], [2, 2]);
const engine: Engine = createEngine({ threads: 1 });
export const output: Promise<Tensor> = scaledDotProductAttention(x, x, x, { engine }).then(
  (result) => result.output,
);
export const exact: Float64Array = reference.softmax(x).data;
export const file: Uint8Array = writeSafetensors({ x });
export const read: readonly number[] | undefined = readSafetensors(file).tensors.x?.shape;
export const layers = (bytes: Uint8Array): FoundAttention[] =>
  findAttentionLayers(readSafetensors(bytes).tensors, {});
export const others = [attention, bigBird, readNpy, MultiheadAttention];
