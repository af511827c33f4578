// Linear attention from arguments to program.

import type { KernelSizes } from "../engine/generated/kernels.ts";
import { type Call, PanelProgram } from "../engine/program.ts";
import { addLinearAttention, type LocatedHeads } from "../plan/linear-attention.ts";
import { type Tensor, zeros } from "../tensor.ts";
import type { TensorLike } from "../tensor-like.ts";
import { float32 } from "../validate/floats.ts";
import { type HeadView, headLayout, headShape } from "../validate/heads.ts";
import { type LinearAttentionTerms, readLinearAttention } from "../validate/linear-attention.ts";

/** What a linear attention returns. */
export interface LinearAttentionResult {
  /** `[B, H, L, V]`, or `[B, L, H, V]` with `layout: "BLHE"`. */
  readonly output: Tensor;
  /** `[B, K, E, V]`: the state after the last token. */
  readonly state: Tensor;
}

/** @internal Checks the arguments and plans the call; nothing is written yet. */
export function linearAttentionCall(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  terms: LinearAttentionTerms<TensorLike>,
  sizes: KernelSizes,
): Call<LinearAttentionResult> {
  const problem = readLinearAttention(query, key, value, terms, float32);
  const { B, H, K, L, E, V, layout, scale } = problem;
  const output = zeros(headShape(layout, [B, H, L, V], 4));
  const state = zeros([B, K, E, V]);
  const program = new PanelProgram("linearAttention", sizes);
  const located = (view: HeadView): LocatedHeads => ({
    operand: program.input(view.data as Float32Array),
    layout: view,
  });
  addLinearAttention(program, {
    B,
    H,
    K,
    L,
    E,
    V,
    query: located(problem.query),
    key: located(problem.key),
    value: located(problem.value),
    output: { operand: program.output(output.data), layout: headLayout(layout, [B, H, L, V]) },
    decay: problem.decay && located(problem.decay),
    beta: problem.beta && located(problem.beta),
    eraseGate: problem.eraseGate && located(problem.eraseGate),
    pastState: problem.state && program.input(problem.state as Float32Array),
    presentState: program.output(state.data),
    scale,
  });
  return { program, result: { output, state } };
}
