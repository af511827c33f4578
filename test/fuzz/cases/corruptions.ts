/** What befalls a state dict on its way: a file that was cut, a script that renamed too much, another model's tensor. */
import { changed, type FloatTensor, sizeOf } from "../../support/random-tensors.ts";
import type { Draws } from "../draws.ts";

type Tensors = Record<string, FloatTensor>;
type Corruption = (tensors: Tensors, name: string, d: Draws) => Tensors;

function without(tensors: Tensors, name: string): Tensors {
  return Object.fromEntries(Object.entries(tensors).filter(([other]) => other !== name));
}

/** The same tensor with other sizes, its numbers once more where they are too few. */
function resized({ data }: FloatTensor, shape: readonly number[]): FloatTensor {
  return changed({ data: new Float32Array(sizeOf(shape)), shape }, (_, i) => data[i % data.length]!);
}

const corruptions: readonly Corruption[] = [
  // Weights alone: without a bias there may be a layer still.
  (tensors, _name, d) => without(tensors, d.pick(Object.keys(tensors).filter((n) => n.endsWith("weight")))),
  (tensors, name) => ({ ...tensors, [name]: resized(tensors[name]!, grown(tensors[name]!.shape)) }),
  (tensors, name) => ({ ...tensors, [name]: { ...tensors[name]!, shape: [...tensors[name]!.shape, 1] } }),
  (tensors, name) => ({ ...tensors, [name]: resized(tensors[name]!, [1]) }),
  (tensors, name) => ({ ...tensors, [name]: resized(tensors[name]!, []) }),
  (tensors, name) => ({ ...tensors, [name]: { data: new Float32Array(0), shape: [0] } }),
  (tensors, name) => ({ ...tensors, [`${name}.extra`]: tensors[name]! }),
];

/** One row, or one number, more. */
function grown(shape: readonly number[]): readonly number[] {
  return shape.length === 1 ? [shape[0]! + 1] : [shape[0]!, ...shape.slice(1, -1), shape.at(-1)! + 1];
}

/** A state dict that no layer can be made of. */
export function corrupted(tensors: Tensors, d: Draws): Tensors {
  const name = d.pick(Object.keys(tensors));
  return d.pick(corruptions)(tensors, name, d);
}
