// The sizes of ONNX's Attention, from the shapes of its inputs and, in rank 3, the numbers of heads.

import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { checkTensor, shapeOf, type TensorLike } from "../tensor-like.ts";
import { checkWhole } from "../validate/options.ts";
import type { AttentionInputs } from "./attention.ts";
import type { AttentionAttributes } from "./attention-attributes.ts";
import { checkShape } from "./check-shape.ts";

/** P is the length of the past, S that of what is new. */
export interface HeadSizes {
  readonly B: number;
  readonly H: number;
  readonly K: number;
  readonly L: number;
  readonly P: number;
  readonly S: number;
  readonly E: number;
  readonly V: number;
  /** Whether Q, K and V have rank 3: `[B, length, heads * size]`. */
  readonly flat: boolean;
  readonly past: { readonly key: Float32Array; readonly value: Float32Array } | undefined;
}

/** Checks the shapes against each other and against the numbers of heads. */
export function readHeads(inputs: AttentionInputs, attributes: AttentionAttributes): HeadSizes {
  for (const name of ["Q", "K", "V"] as const) checkTensor(name, inputs[name]);
  const rank = shapeOf(inputs.Q).length;
  if (rank !== 3 && rank !== 4)
    throw new AttentionError("ERR_SHAPE", `"Q" expected a tensor of rank 3 or 4, got rank ${rank}`);
  const own = rank === 3 ? readFlat(inputs, attributes) : readSplit(inputs, attributes);
  const { B, H, K, E, V } = own;
  if (H > 0 && H % K !== 0)
    throw new AttentionError(
      rank === 3 ? "ERR_OPTION" : "ERR_SHAPE",
      `"${rank === 3 ? "kv_num_heads" : "K"}" expected K heads that divide H=${H}, got ${K}`,
    );
  return { ...own, flat: rank === 3, ...readPast(inputs, { B, K, E, V }) };
}

type OwnSizes = Omit<HeadSizes, "P" | "flat" | "past">;

function readFlat({ Q, K, V }: AttentionInputs, attributes: AttentionAttributes): OwnSizes {
  const { q_num_heads: H, kv_num_heads: heads } = attributes;
  checkWhole("q_num_heads", H, 1);
  checkWhole("kv_num_heads", heads, 1);
  const [B, L, width] = shapeOf(Q) as [number, number, number];
  const E = splitHeads("q_num_heads", H!, "Q", width);
  checkShape("K", shapeOf(K), ["B", "S", "K*E"], { B, "K*E": heads! * E });
  const S = shapeOf(K)[1]!;
  checkShape("V", shapeOf(V), ["B", "S", "K*V"], { B, S });
  return { B, H: H!, K: heads!, L, S, E, V: splitHeads("kv_num_heads", heads!, "V", shapeOf(V)[2]!) };
}

/** The size of a head, where `width` columns hold that many. */
export function splitHeads(attribute: string, heads: number, name: string, width: number): number {
  if (width % heads === 0) return width / heads;
  throw new AttentionError(
    "ERR_OPTION",
    `"${attribute}" expected a divisor of the ${width} columns of "${name}", got ${heads}`,
  );
}

function readSplit({ Q, K, V }: AttentionInputs, attributes: AttentionAttributes): OwnSizes {
  const [B, H, L, E] = shapeOf(Q) as [number, number, number, number];
  checkShape("K", shapeOf(K), ["B", "K", "S", "E"], { B, E });
  const [, heads, S] = shapeOf(K) as [number, number, number, number];
  checkShape("V", shapeOf(V), ["B", "K", "S", "V"], { B, K: heads, S });
  checkHeads("q_num_heads", attributes.q_num_heads, H, "Q");
  checkHeads("kv_num_heads", attributes.kv_num_heads, heads, "K");
  return { B, H, K: heads, L, S, E, V: shapeOf(V)[3]! };
}

function checkHeads(attribute: string, given: number | undefined, heads: number, name: string): void {
  if (given === undefined || given === heads) return;
  throw new AttentionError(
    "ERR_OPTION",
    `"${attribute}" expected the ${heads} heads of "${name}", got ${describe(given)}`,
  );
}

function readPast(
  { past_key, past_value }: AttentionInputs,
  known: Pick<HeadSizes, "B" | "K" | "E" | "V">,
): Pick<HeadSizes, "P" | "past"> {
  const [key, value] = [past_key ?? undefined, past_value ?? undefined];
  if (key === undefined && value === undefined) return { P: 0, past: undefined };
  const [keys, values] = [need("past_key", key), need("past_value", value)];
  const { B, K, E, V } = known;
  checkShape("past_key", shapeOf(keys), ["B", "K", "P", "E"], { B, K, E });
  const P = shapeOf(keys)[2]!;
  checkShape("past_value", shapeOf(values), ["B", "K", "P", "V"], { B, K, P, V });
  return { P, past: { key: keys.data, value: values.data } };
}

function need(name: string, tensor: TensorLike | undefined): TensorLike {
  if (tensor === undefined)
    throw new AttentionError(
      "ERR_OPTION",
      `"${name}" is missing: past_key and past_value come together or not at all`,
    );
  checkTensor(name, tensor);
  return tensor;
}
