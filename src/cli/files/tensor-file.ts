/** A tensor from a file, and what an option makes of it. */
import { readNpy } from "../../npy.ts";
import type { TensorData, VectorLike } from "../../tensor-like.ts";
import { CommandError } from "../command-error.ts";
import { misuse } from "../grammar/option.ts";
import { listNames } from "./list-names.ts";
import { type Place, placeOf } from "./place.ts";
import { readBytes } from "./read.ts";
import { readTensors } from "./safetensors-file.ts";

export interface FileTensor<D extends TensorData = TensorData> {
  readonly data: D;
  readonly shape: readonly number[];
  /** As the file calls its elements: `float16`, `BF16`. */
  readonly dtype: string;
  readonly file: string;
  /** In a safetensors file. */
  readonly name?: string;
}

/** Reads what an option gives: `FILE.npy`, `FILE.safetensors:NAME`. Without a NAME it is the option's own. */
export async function readTensor(text: string, flag: string): Promise<FileTensor> {
  const place = placeOf(text);
  if (place.format === "safetensors") return readNamed(place, flag);
  const bytes = await readBytes(place.file);
  try {
    return { ...readNpy(bytes), file: place.file };
  } catch (cause) {
    throw new CommandError(1, `cannot use ${place.file} for ${flag}: ${(cause as Error).message}`, { cause });
  }
}

async function readNamed({ file, name }: Place, flag: string): Promise<FileTensor> {
  const own = flag.slice(2).replaceAll("-", "_");
  const [tensor] = await readTensors(file, (names) => {
    const wanted = name ?? (names.length === 1 ? names[0]! : own);
    if (names.includes(wanted)) return [wanted];
    throw new CommandError(
      1,
      `${flag} expected ${name === undefined ? `a name, as in ${file}:NAME, or ` : ""}a tensor ${JSON.stringify(wanted)} in ${file}, which has ${listNames(names)}`,
    );
  });
  return { ...tensor!, file };
}

/** Numbers that kernels compute with: float64 is rounded to float32. */
export async function readFloats(text: string, flag: string): Promise<FileTensor<Float32Array>> {
  const tensor = await readTensor(text, flag);
  const { data } = tensor;
  if (data instanceof Float32Array) return { ...tensor, data };
  if (data instanceof Float64Array) return { ...tensor, data: Float32Array.from(data) };
  throw new CommandError(1, `${flag} expected floating-point numbers, got ${tensor.dtype} in ${text}`);
}

/** Bool, or integers of 0 and 1: which keys to attend to. Floating-point numbers are added to the scores; it is noted where that is hardly meant. */
export async function readMask(
  text: string,
  flag: string,
  note: (text: string) => void,
): Promise<FileTensor<Uint8Array> | FileTensor<Float32Array>> {
  const tensor = await readTensor(text, flag);
  const { data } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) {
    if (isFlags(data))
      note(
        `${flag} is added to the scores, as ${text} is ${tensor.dtype.toLowerCase()}; it has 0 and 1 alone: bool or integers would say which keys to attend to`,
      );
    return { ...tensor, data: data instanceof Float32Array ? data : Float32Array.from(data) };
  }
  const numbers = Array.from(data, Number);
  const wrong = numbers.find((value) => value !== 0 && value !== 1);
  if (wrong === undefined) return { ...tensor, data: Uint8Array.from(numbers) };
  throw new CommandError(
    1,
    `${flag} expected bool, integers of 0 and 1, or floating-point numbers to be added, got ${wrong} of ${tensor.dtype} in ${text}`,
  );
}

/** Whether numbers are 0 and 1, as those of a boolean mask are. */
function isFlags(numbers: Float32Array | Float64Array): boolean {
  return numbers.includes(1) && numbers.every((value) => value === 0 || value === 1);
}

/** Numbers as they are written, `7,9,12`, or in a file. */
export async function readVector(text: string, flag: string): Promise<VectorLike> {
  if (!/^[-+\d.,\seE]+$/.test(text)) return readTensor(text, flag);
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (numbers.every(Number.isFinite)) return numbers;
  throw misuse(`${flag} expected numbers with commas between them, or a FILE, got ${JSON.stringify(text)}`);
}
