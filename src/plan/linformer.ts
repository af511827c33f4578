// Linformer's attention as a program: two products shorten keys and values from S rows to P, then attention reads the
// short ones where the products wrote them. Pure: sizes in, program out.

import type { KernelSizes } from "../engine/generated/kernels.ts";
import { type Operand, PanelProgram } from "../engine/program.ts";
import { type HeadLayout, type HeadView, headLayout, rowOffset } from "../validate/heads.ts";
import type { LinformerProblem, Projection } from "../validate/linformer.ts";
import { addAttention } from "./attention.ts";
import { addProduct } from "./matmul.ts";

/** The program of a checked call. */
export function planLinformer(
  problem: LinformerProblem,
  target: Float32Array,
  outputLayout: HeadLayout,
  sizes: KernelSizes,
): PanelProgram {
  const { B, H, K, L, E, V, projected: P, scale, query, key, value } = problem;
  const program = new PanelProgram("linformerAttention", sizes);
  const input = operandOf(program);
  const keys = addProjection(program, problem.keyProjection, key, P, input);
  const values = addProjection(program, problem.valueProjection, value, P, input);
  addAttention(
    program,
    {
      rank: 4,
      B,
      H,
      K,
      L,
      S: P,
      E,
      V,
      query,
      key: headLayout("BHLE", [B, K, P, E]),
      value: headLayout("BHLE", [B, K, P, V]),
      scale,
      similarity: "dot",
      softcap: 0,
      causal: false,
      window: [-1, -1],
      lengths: new Array<number>(B).fill(P),
      offsets: new Array<number>(B).fill(0),
      mask: undefined,
      bias: undefined,
      relativeBias: undefined,
      alibiSlopes: undefined,
      sinks: undefined,
      blockMask: undefined,
      packed: undefined,
      pages: undefined,
    },
    { query: input(query), key: keys, value: values, output: program.output(target) },
    outputLayout,
  );
  return program;
}

/** Data that is given twice (one projection for keys and values, one tensor for both) crosses the border once. */
function operandOf(program: PanelProgram): (from: Pick<HeadView, "data">) => Operand {
  const known = new Map<unknown, Operand>();
  return ({ data }) => {
    const operand = known.get(data) ?? program.input(data as Float32Array);
    known.set(data, operand);
    return operand;
  };
}

/** [B, K, P, size] = projection times the rows of each head, read in their own layout. */
function addProjection(
  program: PanelProgram,
  projection: Projection,
  rows: HeadView,
  P: number,
  input: (from: Pick<HeadView, "data">) => Operand,
): Operand {
  const { batch, heads, length: S, size } = rows;
  const result = program.temporary(batch * heads * P * size * 4);
  const perEntry = (offset: (b: number, k: number) => number): Operand =>
    program.input(
      Uint32Array.from({ length: batch * heads }, (_, n) => 4 * offset(Math.floor(n / heads), n % heads)),
    );
  addProduct(program, {
    rows: P,
    columns: size,
    depth: S,
    batch: batch * heads,
    a: input(projection),
    b: input(rows),
    result,
    scale: 1,
    aRowStride: S,
    aDepthStride: 1,
    bDepthStride: rows.rowStride,
    bColumnStride: 1,
    packed: false,
    aOffsets: projection.perHead ? perEntry((_, k) => k * P * S) : undefined,
    bOffsets: perEntry((b, k) => rowOffset(rows, b, k, 0)),
  });
  return result;
}
