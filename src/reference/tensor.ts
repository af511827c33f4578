import { AttentionError } from "../errors.ts";
import { checkTensor, shapeOf, sizeOf, type TensorData, type TensorLike } from "../tensor-like.ts";

/**
 * What the reference reads: float32, as everywhere in this package, or float64, so that its own
 * results can go in again without a rounding in between.
 */
export type ReferenceInput = TensorLike<Float32Array> | TensorLike<Float64Array>;

/** What the reference returns: row-major float64. */
export interface ReferenceTensor {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

const floats = ["Float32Array", "Float64Array"] as const;

/** Checks a float tensor; gives its data and shape, whichever way it spells them. */
export function readFloats(
  name: string,
  tensor: ReferenceInput,
): { data: Float32Array | Float64Array; shape: readonly number[] } {
  checkTensor(name, tensor, floats);
  return {
    data: tensor.data as Float32Array | Float64Array,
    shape: [...shapeOf(tensor as TensorLike<TensorData>)],
  };
}

/** A tensor of zeros to be filled. */
export function zeros(shape: readonly number[]): ReferenceTensor {
  return { data: new Float64Array(sizeOf(shape)), shape };
}

/** Refuses an option whose value is none of those listed. */
export function checkChoice(name: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  const listed = choices.map((choice) => JSON.stringify(choice)).join(", ");
  throw new AttentionError("ERR_OPTION", `"${name}" expected one of ${listed}, got ${String(value)}`);
}

/** Refuses a number that is not finite, or below `minimum`. */
export function checkNumber(name: string, value: unknown, minimum: number = -Infinity): void {
  if (typeof value === "number" && Number.isFinite(value) && value >= minimum) return;
  const range = minimum === -Infinity ? "" : ` of at least ${minimum}`;
  throw new AttentionError("ERR_OPTION", `"${name}" expected a finite number${range}, got ${String(value)}`);
}

/** Refuses what is no whole number of at least `minimum`. */
export function checkWhole(name: string, value: unknown, minimum: number = 0): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= minimum) return;
  throw new AttentionError(
    "ERR_OPTION",
    `"${name}" expected a whole number of at least ${minimum}, got ${String(value)}`,
  );
}
