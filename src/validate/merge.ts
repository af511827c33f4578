import type { Layout } from "../attention-options.ts";
import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import { describe } from "../tensor-like.ts";
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
  if (!Array.isArray(parts))
    throw new AttentionError(
      "ERR_DTYPE",
      `"parts" expected an array of { output, logSumExp }, got ${describe(parts)}`,
    );
  if (parts.length === 0)
    throw new AttentionError("ERR_SHAPE", '"parts" expected at least one part, got none');
  const rank = readRank(parts[0], types);
  let first: HeadView | undefined;
  const read = Array.from(parts as readonly PartLike[], (part, n) => {
    checkPart(`parts[${n}]`, part);
    const known = first === undefined ? {} : sizesOf(first);
    const name = `parts[${n}].output`;
    const output = viewHeads(name, part.output, ["B", "H", "L", "V"], layout, rank, known, types);
    first ??= output;
    return { output: output.data, logSumExp: readLogSumExp(n, part, output, rank, types) };
  });
  return { rank, layout: first!, parts: read };
}

function checkPart(name: string, part: unknown): void {
  if (typeof part !== "object" || part === null)
    throw new AttentionError("ERR_DTYPE", `"${name}" expected { output, logSumExp }, got ${describe(part)}`);
}

function readRank(part: unknown, types: readonly string[]): number {
  checkPart("parts[0]", part);
  const rank = readFloats("parts[0].output", (part as PartLike).output, types).shape.length;
  if (rank < 2 || rank > 4)
    throw new AttentionError(
      "ERR_SHAPE",
      `"parts[0].output" expected a tensor of rank 2, 3 or 4, got rank ${rank}`,
    );
  return rank;
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
