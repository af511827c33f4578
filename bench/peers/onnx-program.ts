/** A graph with the arrays that it reads and writes. */
import type { Graph, Operand } from "./onnx-encoder.ts";

export interface Program extends Graph {
  /** Its operators. */
  readonly way: string;
  /** What the caller does before each run. */
  before?(): void;
  /** The result, laid out as the problem has it, from the data of the operand `output`. */
  read(output: Float32Array): Float32Array;
}

export function float32(name: string, shape: readonly number[], data: Float32Array): Operand {
  return { name, shape, data };
}

export function int32(name: string, shape: readonly number[], numbers: readonly number[]): Operand {
  return { name, shape, data: Int32Array.from(numbers) };
}

/** The one that every program has, whose result it is. */
export function outputOf(shape: readonly number[]): Operand {
  return float32("output", shape, new Float32Array(shape.reduce((length, size) => length * size, 1)));
}

/** Where the output is laid out as the problem has it. */
export const asItIs = (output: Float32Array): Float32Array => output;
