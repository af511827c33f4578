import type { AttentionOptions } from "../calls/attention.ts";
import { checkChoice, checkFloat, checkSoftcap, checkWhole, readOptions } from "../validate/options.ts";

/** Attributes of ONNX's Attention, by ONNX's names. */
export interface AttentionAttributes {
  /** 1: a query attends to the keys up to its own position. Default 0. */
  readonly is_causal?: number | boolean | undefined;
  /** H and K. Needed in rank 3; in rank 4 the shapes say them. */
  readonly q_num_heads?: number | undefined;
  readonly kv_num_heads?: number | undefined;
  /** Which scores to return: 0 scaled, 1 after softcap, 2 after masks and biases, 3 after softmax. */
  readonly qk_matmul_output_mode?: number | undefined;
  /** Factor on Q K^T. Default 1/sqrt(E). */
  readonly scale?: number | undefined;
  /** Scores become softcap * tanh(score / softcap) before the mask is added. 0 (the default) = none. */
  readonly softcap?: number | undefined;
  /** ONNX's number of a float type. Read, and without effect: everything is float32. */
  readonly softmax_precision?: number | undefined;
  /** How many keys before and after a query's position it may attend to (opset 25). -1 (the default) = all. */
  readonly left_window_size?: number | undefined;
  readonly right_window_size?: number | undefined;
}

/** Attributes that say how scores are made, as options of the operator. */
export type Scoring = Pick<
  AttentionOptions,
  "causal" | "scale" | "softcap" | "window" | "returnScores" | "returnWeights"
>;

const names: ReadonlySet<string> = new Set([
  "is_causal",
  "q_num_heads",
  "kv_num_heads",
  "qk_matmul_output_mode",
  "scale",
  "softcap",
  "softmax_precision",
  "left_window_size",
  "right_window_size",
]);

/** FLOAT, FLOAT16, DOUBLE and BFLOAT16 of ONNX's TensorProto. */
const floatTypes = [1, 10, 11, 16];

/** What each `qk_matmul_output_mode` asks the operator for. */
const stages = [
  { returnScores: "scaled" },
  { returnScores: "capped" },
  { returnScores: "biased" },
  { returnWeights: true },
] as const satisfies readonly Scoring[];

/** Reads the attributes; refuses those that do not exist. */
export function readAttributes(attributes: AttentionAttributes): AttentionAttributes {
  return readOptions(attributes, names, "attributes");
}

/** Checks the attributes that say how scores are made, and translates them. */
export function readScoring(attributes: AttentionAttributes): Scoring {
  const { is_causal = 0, softcap = 0, left_window_size = -1, right_window_size = -1 } = attributes;
  const { scale, softmax_precision, qk_matmul_output_mode: mode } = attributes;
  checkChoice("is_causal", is_causal, [0, 1, false, true]);
  checkSoftcap(softcap);
  checkWhole("left_window_size", left_window_size, -1);
  checkWhole("right_window_size", right_window_size, -1);
  if (scale !== undefined) checkFloat("scale", scale);
  if (softmax_precision !== undefined) checkChoice("softmax_precision", softmax_precision, floatTypes);
  if (mode !== undefined) checkChoice("qk_matmul_output_mode", mode, [0, 1, 2, 3]);
  return {
    causal: Boolean(is_causal),
    scale,
    softcap,
    window: [left_window_size, right_window_size],
    ...(mode === undefined ? {} : stages[mode]),
  };
}
