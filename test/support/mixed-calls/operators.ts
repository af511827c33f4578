/** The building blocks, and what is no softmax attention. */
import { applyRotary, type Engine } from "wasm-attention";
import {
  linformerAttention,
  linformerAttentionSync,
  orthogonalRandomFeatures,
  performerAttention,
  performerAttentionSync,
  poolingProjection,
} from "wasm-attention/efficient";
import { linearAttention as linear, linearAttentionAsync } from "wasm-attention/onnx";
import { drawSizes } from "./attention.ts";
import type { Draws } from "./draws.ts";
import type { MixedCall } from "./mixed-call.ts";

export function matmul(draws: Draws, engine: Engine): MixedCall {
  const [M, N, K] = [draws.length(130), draws.length(130), draws.chance(0.1) ? 400 : draws.length(130)];
  const batch = draws.pick([[], [2], [1, 3]]);
  const [transposeA, transposeB] = [draws.chance(0.3), draws.chance()];
  const a = draws.tensor([...batch, ...(transposeA ? [K, M] : [M, K])]);
  const b = draws.tensor([...(draws.chance() ? batch : []), ...(transposeB ? [N, K] : [K, N])]);
  const options = {
    transposeA,
    transposeB,
    bias: draws.maybe(() => draws.tensor([N])),
    scale: draws.pick([1, 0.5]),
  };
  return {
    name: `matmul [${a.shape}] x [${b.shape}], ${transposeA}, ${transposeB}`,
    sync: () => engine.matmulSync(a, b, options),
    async: (signal) => engine.matmul(a, b, { ...options, signal }),
  };
}

export function softmax(draws: Draws, engine: Engine): MixedCall {
  const shape = [draws.whole(1, 5), draws.length(130), draws.length(130)].slice(draws.whole(0, 2));
  const x = draws.tensor(shape);
  const options = {
    axis: draws.whole(-shape.length, shape.length - 1),
    log: draws.chance(),
    mask: draws.maybe(() => draws.mask(shape)),
    scale: draws.pick([1, 0.3, -1]),
  };
  return {
    name: `softmax [${shape}], axis ${options.axis}`,
    sync: () => engine.softmaxSync(x, options),
    async: (signal) => engine.softmax(x, { ...options, signal }),
  };
}

export function rotary(draws: Draws, engine: Engine): MixedCall {
  const [B, H, L, pairs] = [draws.whole(1, 2), draws.whole(1, 3), draws.length(70), draws.length(64)];
  const [E, interleaved] = [2 * pairs + draws.whole(0, 5), draws.chance()];
  const x = draws.tensor([B, H, L, E]);
  const tables = { cos: draws.tensor([B, L, pairs]), sin: draws.tensor([B, L, pairs]), interleaved, engine };
  const options = draws.chance() ? tables : { dim: 2 * pairs, interleaved, engine };
  return { name: `rotary [${x.shape}], ${pairs} pairs`, sync: () => applyRotary(x, options) };
}

export function linearAttention(draws: Draws, engine: Engine): MixedCall {
  const { B, H, K, L, E, V } = drawSizes(draws);
  const rule = draws.pick(["linear", "gated", "delta", "gated_delta"] as const);
  const [gated, delta] = [rule.startsWith("gated"), rule.endsWith("delta")];
  const inputs = {
    query: draws.tensor([B, L, H * E]),
    key: draws.tensor([B, L, K * E], -0.1, 0.1),
    value: draws.tensor([B, L, K * V]),
    past_state: draws.maybe(() => draws.tensor([B, K, E, V]), 0.5),
    decay: gated ? draws.tensor([B, L, draws.pick([K * E, K])], -1, 0) : undefined,
    beta: delta ? draws.tensor([B, L, draws.pick([K, 1])], 0, 1) : undefined,
    erase_gate: delta ? draws.maybe(() => draws.tensor([B, L, K * E], 0, 1), 0.4) : undefined,
  };
  const attributes = { q_num_heads: H, kv_num_heads: K, update_rule: rule };
  return {
    name: `linear attention ${[B, H, K, L, E, V].join(" x ")}, ${rule}`,
    sync: () => linear(inputs, attributes, { engine }),
    async: (signal) => linearAttentionAsync(inputs, attributes, { engine, signal }),
  };
}

export function linformer(draws: Draws, engine: Engine): MixedCall {
  const { B, H, K, L, S, E, V } = drawSizes(draws);
  const inputs = [
    draws.tensor([B, H, L, E]),
    draws.tensor([B, K, S, E]),
    draws.tensor([B, K, S, V]),
  ] as const;
  const options = { keyProjection: poolingProjection(draws.whole(1, S), S), engine };
  return {
    name: `linformer ${[B, H, K, L, S, E, V].join(" x ")}`,
    sync: () => linformerAttentionSync(...inputs, options),
    async: (signal) => linformerAttention(...inputs, { ...options, signal }),
  };
}

export function performer(draws: Draws, engine: Engine): MixedCall {
  const { B, H, K, L, S: keys, E, V } = drawSizes(draws);
  const causal = draws.chance();
  const S = causal ? L : keys;
  const inputs = [
    draws.tensor([B, H, L, E]),
    draws.tensor([B, K, S, E]),
    draws.tensor([B, K, S, V]),
  ] as const;
  const features = orthogonalRandomFeatures(draws.length(70), E, 1);
  const options = { features, causal, kvLengths: draws.maybe(() => draws.wholes(B, 0, S)), engine };
  return {
    name: `performer ${[B, H, K, L, S, E, V].join(" x ")}, ${features.shape[0]} features, ${causal}`,
    sync: () => performerAttentionSync(...inputs, options),
    async: (signal) => performerAttention(...inputs, { ...options, signal }),
  };
}
