// ONNX's LinearAttention as a call: what the rule needs, flat rows seen as heads, gates in their full shapes.

import { linearAttentionCall } from "../calls/linear-attention.ts";
import type { KernelSizes } from "../engine/generated/kernels.ts";
import type { Call } from "../engine/program.ts";
import { AttentionError } from "../errors.ts";
import { shapeError, Tensor } from "../tensor.ts";
import { checkTensor, shapeOf, type TensorLike } from "../tensor-like.ts";
import { checkChoice, checkFloat, checkWhole, readOptions } from "../validate/options.ts";
import { splitHeads } from "./attention-heads.ts";
import { checkShape } from "./check-shape.ts";
import type {
  LinearAttentionAttributes,
  LinearAttentionInputs,
  LinearAttentionOutputs,
  UpdateRule,
} from "./linear-attention.ts";

const inputNames: ReadonlySet<string> = new Set([
  "query",
  "key",
  "value",
  "past_state",
  "decay",
  "beta",
  "erase_gate",
]);
const attributeNames: ReadonlySet<string> = new Set([
  "q_num_heads",
  "kv_num_heads",
  "update_rule",
  "scale",
  "chunk_size",
]);

/** Checks inputs and attributes, by ONNX's names, and plans the call; nothing is written yet. */
export function planLinearAttention(
  given: LinearAttentionInputs,
  chosen: LinearAttentionAttributes,
  kernels: KernelSizes,
): Call<LinearAttentionOutputs> {
  const inputs = readOptions(given, inputNames, "inputs");
  const attributes = readOptions(chosen, attributeNames, "attributes");
  checkAttributes(attributes);
  const { scale = 0, update_rule = "gated_delta" } = attributes;
  checkGates(inputs, update_rule);
  const sizes = readSizes(inputs, attributes);
  const { B, L, H, K, E, V } = sizes;
  const { query, key, value } = inputs;
  const past_state = inputs.past_state ?? undefined;
  const erase_gate = inputs.erase_gate ?? undefined;
  if (past_state !== undefined) {
    checkTensor("past_state", past_state);
    checkShape("past_state", shapeOf(past_state), ["B", "K", "E", "V"], { B, K, E, V });
  }
  if (erase_gate !== undefined) {
    checkTensor("erase_gate", erase_gate);
    checkShape("erase_gate", shapeOf(erase_gate), ["B", "L", "K*E"], { B, L, "K*E": K * E });
  }
  const rows = (x: TensorLike, heads: number, size: number) => ({ data: x.data, shape: [B, L, heads, size] });
  const terms = {
    layout: "BLHE",
    state: past_state,
    decay: readDecay(inputs.decay, sizes),
    beta: readBeta(inputs.beta, sizes),
    eraseGate: erase_gate && rows(erase_gate, K, E),
    scale: scale === 0 ? undefined : scale,
  } as const;
  const { program, result } = linearAttentionCall(
    rows(query, H, E),
    rows(key, K, E),
    rows(value, K, V),
    terms,
    kernels,
  );
  const output = new Tensor(result.output.data, [B, L, H * V]);
  return { program, result: { output, present_state: result.state } };
}

function checkAttributes(attributes: LinearAttentionAttributes): void {
  const { q_num_heads: H, kv_num_heads: K, update_rule, scale, chunk_size } = attributes;
  if (update_rule !== undefined) checkChoice("update_rule", update_rule, Object.keys(gatesOf));
  checkWhole("q_num_heads", H, 1);
  checkWhole("kv_num_heads", K, 1);
  if (H % K !== 0)
    throw new AttentionError("ERR_OPTION", `"kv_num_heads" expected K heads that divide H=${H}, got ${K}`);
  if (scale !== undefined) checkFloat("scale", scale);
  if (chunk_size !== undefined) checkWhole("chunk_size", chunk_size, 1);
}

type Gate = "decay" | "beta" | "erase_gate";

/** The gates that a rule needs, and may have. */
const gatesOf: Readonly<
  Record<UpdateRule, { readonly needed: readonly Gate[]; readonly taken: readonly Gate[] }>
> = {
  linear: { needed: [], taken: [] },
  gated: { needed: ["decay"], taken: ["decay"] },
  delta: { needed: ["beta"], taken: ["beta", "erase_gate"] },
  gated_delta: { needed: ["decay", "beta"], taken: ["decay", "beta", "erase_gate"] },
};

function checkGates(inputs: LinearAttentionInputs, rule: UpdateRule): void {
  const { needed, taken } = gatesOf[rule];
  for (const gate of ["decay", "beta", "erase_gate"] as const) {
    const given = inputs[gate] !== undefined && inputs[gate] !== null;
    if (!given && needed.includes(gate))
      throw new AttentionError("ERR_OPTION", `"${gate}" is missing: the update_rule "${rule}" needs it`);
    if (given && !taken.includes(gate))
      throw new AttentionError("ERR_OPTION", `"${gate}" cannot be combined with the update_rule "${rule}"`);
  }
}

interface Sizes {
  readonly B: number;
  readonly L: number;
  readonly H: number;
  readonly K: number;
  readonly E: number;
  readonly V: number;
}

function readSizes(inputs: LinearAttentionInputs, attributes: LinearAttentionAttributes): Sizes {
  const { query, key, value } = inputs;
  const { q_num_heads: H, kv_num_heads: K } = attributes;
  for (const name of ["query", "key", "value"] as const) checkTensor(name, inputs[name]);
  checkShape("query", shapeOf(query), ["B", "L", "H*E"]);
  const [B, L, width] = shapeOf(query) as [number, number, number];
  const E = splitHeads("q_num_heads", H, "query", width);
  checkShape("key", shapeOf(key), ["B", "L", "K*E"], { B, L, "K*E": K * E });
  checkShape("value", shapeOf(value), ["B", "L", "K*V"], { B, L });
  return { B, L, H, K, E, V: splitHeads("kv_num_heads", K, "value", shapeOf(value)[2]!) };
}

function readDecay(decay: TensorLike | null | undefined, { B, L, K, E }: Sizes): TensorLike | undefined {
  if (decay === undefined || decay === null) return undefined;
  const width = widthOf("decay", decay, { B, L }, [
    ["K*E", K * E],
    ["K", K],
  ]);
  return { data: decay.data, shape: width === K ? [B, L, K] : [B, L, K, E] };
}

/** One beta for all heads is written out for each. */
function readBeta(beta: TensorLike | null | undefined, { B, L, K }: Sizes): TensorLike | undefined {
  if (beta === undefined || beta === null) return undefined;
  const width = widthOf("beta", beta, { B, L }, [
    ["K", K],
    ["1", 1],
  ]);
  const { data } = beta;
  const perHead =
    width === K ? data : Float32Array.from({ length: B * L * K }, (_, i) => data[Math.floor(i / K)]!);
  return { data: perHead, shape: [B, L, K] };
}

/** The last dimension of a gate that may have one of two. */
function widthOf(
  name: string,
  gate: TensorLike,
  { B, L }: Pick<Sizes, "B" | "L">,
  widths: readonly (readonly [letter: string, size: number])[],
): number {
  checkTensor(name, gate);
  const shape = shapeOf(gate);
  const fits = shape.length === 3 && shape[0] === B && shape[1] === L;
  if (fits && widths.some(([, size]) => size === shape[2])) return shape[2]!;
  const expected = widths.map(
    ([letter, size]) => `[B=${B}, L=${L}, ${letter === "1" ? "1" : `${letter}=${size}`}]`,
  );
  throw shapeError(name, `shape ${expected.join(" or ")}`, shape);
}
