// Tensors in JSON: `{ shape, data }`, where data is base64 of little-endian float32 or, for trying things by hand, numbers.
import { ServiceError } from "./errors.ts";

export interface WireTensor {
  readonly shape: readonly number[];
  readonly data: string | readonly number[];
}

/** JSON numbers take the event loop 40 times as long as base64 (1.4 ms for so many), so there may not be more. */
const MOST_NUMBERS = 16_384;

/** The schema of a tensor whose dimensions are at most so large. */
export function tensorSchema(description: string, most: readonly number[]): object {
  return {
    type: "object",
    description: `${description}, with data in base64 (little-endian float32) or as numbers`,
    required: ["shape", "data"],
    additionalProperties: false,
    properties: {
      shape: {
        type: "array",
        items: most.map((maximum) => ({ type: "integer", minimum: 1, maximum })),
        minItems: most.length,
        maxItems: most.length,
      },
      // The length of a string is limited by that of the body; ajv would count its characters one by one.
      data: {
        anyOf: [{ type: "string" }, { type: "array", items: { type: "number" }, maxItems: MOST_NUMBERS }],
      },
    },
  };
}

/**
 * The numbers of a tensor.
 *
 * @param expected the dimensions it must have, where they are known
 * @throws ServiceError 400 for another shape, for data that are not as long as the shape says, NaN and infinities
 */
export function readTensor(
  name: string,
  { shape, data }: WireTensor,
  expected: readonly (number | undefined)[],
): Float32Array {
  if (expected.some((size, i) => size !== undefined && size !== shape[i]))
    throw new ServiceError(
      400,
      "ERR_SHAPE",
      `"${name}" expected shape [${expected.map((size) => size ?? "n").join(", ")}], got [${shape.join(", ")}]`,
    );
  const length = shape.reduce((product, size) => product * size, 1);
  const numbers = typeof data === "string" ? decode(name, data, length) : convert(name, data, length);
  for (let i = 0; i < length; i++)
    if (!Number.isFinite(numbers[i]))
      throw new ServiceError(400, "ERR_VALUE", `"${name}" has ${numbers[i]} at ${i}`);
  return numbers;
}

function decode(name: string, text: string, length: number): Float32Array {
  const bytes = 4 * length;
  const characters = 4 * Math.ceil(bytes / 3);
  if (text.length !== characters)
    throw wrongLength(name, `${characters} characters of base64 (${length} float32)`, text.length);
  const numbers = new Float32Array(length);
  // Stops at what is no base64.
  const written = Buffer.from(numbers.buffer).write(text, "base64");
  if (written !== bytes) throw wrongLength(name, `${bytes} bytes in base64`, written);
  return numbers;
}

function convert(name: string, data: readonly number[], length: number): Float32Array {
  if (data.length !== length) throw wrongLength(name, `${length} numbers`, data.length);
  return Float32Array.from(data);
}

function wrongLength(name: string, expected: string, got: number): ServiceError {
  return new ServiceError(400, "ERR_SHAPE", `the data of "${name}" expected ${expected}, got ${got}`);
}

/** A tensor in the form that the request used. */
export function writeTensor(shape: readonly number[], data: Float32Array, like: WireTensor): WireTensor {
  if (typeof like.data !== "string") return { shape, data: Array.from(data) };
  return { shape, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") };
}
