// Rotary positions from arguments to program.

import { type Call, Program } from "../engine/program.ts";
import { AttentionError } from "../errors.ts";
import { addRotation, type RotationTables } from "../plan/rotary.ts";
import { type RotaryScaling, rotaryTables } from "../rotary-tables.ts";
import { shapeError, type Tensor, zeros } from "../tensor.ts";
import { readTensor, type TensorLike, unreadable, type VectorLike } from "../tensor-like.ts";
import { checkFlag, checkNumber, checkWhole, readOptions } from "../validate/options.ts";
import { readWholeVector } from "../validate/vector.ts";
import type { CallOptions } from "./call-options.ts";

/** Options of `applyRotary` that make the tables. */
export interface RotaryOptions extends Pick<CallOptions, "engine"> {
  /** Angles are position * base^(-2f / dim). Default 10000. */
  readonly base?: number | undefined;
  /** How many of the E numbers are rotated, an even number; the rest pass. Default E. */
  readonly dim?: number | undefined;
  /** Pairs are neighbours (2f, 2f + 1) instead of halves (f, f + dim / 2). Default false. */
  readonly interleaved?: boolean | undefined;
  /** Positions of the L rows. Default 0 to L - 1. */
  readonly positions?: VectorLike | undefined;
  /** The `rope_scaling` object of a Hugging Face configuration: linear, llama3 or yarn. */
  readonly scaling?: RotaryScaling | undefined;
}

/** Options of `applyRotary` with ready tables. */
export interface RotaryTableOptions extends Pick<CallOptions, "engine"> {
  /** Cosines and sines, `[L, R/2]`, or `[B, L, R/2]` for an x whose first dimension is B; R numbers are rotated. */
  readonly cos: TensorLike;
  readonly sin: TensorLike;
  readonly interleaved?: boolean | undefined;
}

const names: ReadonlySet<string> = new Set(["base", "dim", "interleaved", "positions", "scaling", "engine"]);
const tableNames: ReadonlySet<string> = new Set(["cos", "sin", "interleaved", "engine"]);

/** @internal Checks the arguments and plans the call; nothing is written yet. */
export function rotaryCall(x: TensorLike, given: RotaryOptions | RotaryTableOptions = {}): Call<Tensor> {
  const { data, shape } = readTensor("x", x);
  if (shape.length < 2) throw shapeError("x", "shape [..., L, E]", shape);
  const [L, E] = shape.slice(-2) as [number, number];
  const tables = hasTables(given)
    ? readTables(given, shape, L, E)
    : makeTables(given as RotaryOptions, data.length === 0 ? 0 : L, E);
  const result = zeros(shape, "the output");
  const entries = tables.perEntry ? shape[0]! : 1;
  const perEntry = entries === 0 ? 0 : data.length / entries;
  const program = new Program("applyRotary");
  addRotation(program, {
    input: program.input(data),
    output: program.output(result.data),
    entries,
    rowsPerEntry: E === 0 ? 0 : perEntry / E,
    rowsPerPosition: 1,
    positions: L,
    headSize: E,
    entryStride: perEntry,
    tables,
  });
  return { program, result, engine: tables.engine };
}

/** Which of the two kinds of options these are; what is none of them is refused as the first. */
function hasTables(options: RotaryOptions | RotaryTableOptions): options is RotaryTableOptions {
  try {
    return typeof options === "object" && options !== null && "cos" in options;
  } catch (cause) {
    throw unreadable("options", cause);
  }
}

function makeTables(
  given: RotaryOptions,
  L: number,
  E: number,
): RotationTables & { readonly engine?: unknown } {
  const options = readOptions(given, names);
  const { base = 10000, dim = E, interleaved = false, positions, scaling } = options;
  checkNumber("base", base, 1);
  checkFlag("interleaved", interleaved);
  checkRotated("dim", dim, E);
  const rows =
    positions === undefined
      ? Array.from({ length: L }, (_, i) => i)
      : readWholeVector("positions", positions, L);
  const { cos, sin } = rotaryTables(rows, { base, dim, scaling });
  return { cos, sin, size: dim, interleaved, perEntry: false, engine: options.engine };
}

function readTables(
  given: RotaryTableOptions,
  x: readonly number[],
  L: number,
  E: number,
): RotationTables & { readonly engine?: unknown } {
  const options = readOptions(given, tableNames);
  const { interleaved = false } = options;
  checkFlag("interleaved", interleaved);
  const cos = readTensor("cos", options.cos);
  const sin = readTensor("sin", options.sin);
  const half = cos.shape.at(-1) ?? 0;
  const perEntry = cos.shape.length === 3;
  const expected = perEntry ? [x[0]!, L, half] : [L, half];
  if (cos.shape.join() !== expected.join() || (perEntry && x.length < 3))
    throw shapeError(
      "cos",
      `shape [L=${L}, R/2], or [B=${x[0]}, L=${L}, R/2] for x of rank 3 or more`,
      cos.shape,
    );
  if (sin.shape.join() !== cos.shape.join())
    throw shapeError("sin", `the shape of "cos" [${cos.shape.join(", ")}]`, sin.shape);
  checkRotated("R", 2 * half, E);
  return {
    cos: cos.data,
    sin: sin.data,
    size: 2 * half,
    interleaved,
    perEntry,
    engine: options.engine,
  };
}

/** @internal The rotated part of a head: an even number of its E numbers. */
export function checkRotated(name: string, size: number, E: number): void {
  checkWhole(name, size);
  if (size % 2 !== 0 || size > E)
    throw new AttentionError("ERR_OPTION", `"${name}" expected an even number up to E=${E}, got ${size}`);
}
