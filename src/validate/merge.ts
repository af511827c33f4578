import type { Layout } from "../attention-options.ts";
import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import { takeTensor, unreadable } from "../tensor-like.ts";
import { isArray } from "../typed-array.ts";
import { checkEntries, checkRank } from "./attention.ts";
import { type FloatTensor, float32or64, readFloats } from "./floats.ts";
import { type HeadLayout, type HeadView, viewHeads } from "./heads.ts";

/** Attention over some of the keys, as it comes in. */
export interface PartLike {
  readonly output: FloatTensor;
  readonly logSumExp?: FloatTensor;
}

/** A checked merge: the data of each part, and sizes and strides that all outputs have. */
export interface MergeProblem {
  readonly rank: number;
  readonly layout: HeadLayout;
  /** The shapes of every output, and of every logSumExp. */
  readonly shape: readonly number[];
  readonly rows: readonly number[];
  readonly parts: readonly {
    readonly output: Float32Array | Float64Array;
    readonly logSumExp: Float32Array | Float64Array;
  }[];
}

/** Checks parts against the first of them. */
export function readParts(
  parts: readonly PartLike[],
  layout: Layout,
  types: readonly string[] = float32or64,
): MergeProblem {
  const taken = takeParts(parts);
  if (taken.length === 0)
    throw new AttentionError("ERR_SHAPE", '"parts" expected at least one part, got none');
  const { shape } = readFloats("parts[0].output", taken[0]!.output, types);
  const rank = checkRank("parts[0].output", shape);
  let first: HeadView | undefined;
  const read = taken.map((part, n) => {
    const known = first === undefined ? {} : sizesOf(first);
    const name = `parts[${n}].output`;
    const rows = readFloats(name, part.output, types);
    const output = viewHeads(name, rows, ["B", "H", "L", "V"], layout, rank, known);
    first ??= output;
    return { output: output.data, logSumExp: readLogSumExp(n, part, output, rank, types) };
  });
  const { batch, heads, length } = first!;
  checkEntries("parts[0].output", batch);
  return { rank, layout: first!, shape, rows: [batch, heads, length].slice(4 - rank), parts: read };
}

/** Reads each part once. */
function takeParts(parts: readonly PartLike[]): PartLike[] {
  if (!isArray(parts))
    throw new AttentionError(
      "ERR_DTYPE",
      `"parts" expected an array of { output, logSumExp }, got ${describe(parts)}`,
    );
  const taken: PartLike[] = [];
  let name = "parts";
  try {
    const { length } = parts;
    for (let n = 0; n < length; n++) {
      name = `parts[${n}]`;
      const part = parts[n]!;
      checkPart(name, part);
      const { output, logSumExp } = part;
      taken.push({
        output: takeTensor(`${name}.output`, output) as FloatTensor,
        logSumExp: takeTensor(`${name}.logSumExp`, logSumExp) as FloatTensor,
      });
    }
  } catch (cause) {
    throw unreadable(name, cause);
  }
  return taken;
}

function checkPart(name: string, part: unknown): void {
  if (typeof part !== "object" || part === null)
    throw new AttentionError("ERR_DTYPE", `"${name}" expected { output, logSumExp }, got ${describe(part)}`);
}

function sizesOf({ batch: B, heads: H, length: L, size: V }: HeadLayout): Record<string, number> {
  return { B, H, L, V };
}

/** One number for each row: without the dimensions that the output does not have, in both layouts. */
function readLogSumExp(
  n: number,
  { logSumExp }: PartLike,
  { batch, heads, length }: HeadLayout,
  rank: number,
  types: readonly string[],
): Float32Array | Float64Array {
  const name = `parts[${n}].logSumExp`;
  if (logSumExp === undefined)
    throw new AttentionError(
      "ERR_DTYPE",
      `"${name}" expected a tensor { data, shape }, got undefined; attention returns it with "returnLogSumExp"`,
    );
  const { data, shape } = readFloats(name, logSumExp, types);
  const expected = [batch, heads, length].slice(4 - rank);
  if (shape.length !== expected.length || expected.some((size, d) => size !== shape[d])) {
    const letters = ["B", "H", "L"].slice(4 - rank);
    throw shapeError(
      name,
      `shape [${letters.map((letter, d) => `${letter}=${expected[d]}`).join(", ")}]`,
      shape,
    );
  }
  return data;
}
