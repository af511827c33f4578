/** Layers and caches: what lives longer than a call. */
import { type Engine, KVCache, MultiHeadAttention } from "wasm-attention";
import { attentionStatistics, attentionStatisticsSync } from "wasm-attention/inspect";
import { wishes } from "./attention.ts";
import type { Draws } from "./draws.ts";
import type { MixedCall, Results } from "./mixed-call.ts";

/** A pass through a layer of its own. */
export function layer(draws: Draws, engine: Engine): MixedCall {
  const sizes = drawLayer(draws);
  const [B, L, S] = [draws.whole(1, 2), draws.length(70), draws.length(70)];
  const self = draws.chance() || sizes.rotary;
  const query = draws.tensor([B, L, sizes.embedDim]);
  const key = self ? query : draws.tensor([B, S, sizes.embedDim]);
  const options = {
    needWeights: draws.chance(),
    averageWeights: draws.chance(),
    causal: draws.chance(0.3),
    headMask: draws.maybe(() => draws.floats([sizes.numHeads]).data, 0.3),
    keyPaddingMask: draws.maybe(() => draws.bytes([B, self ? L : S])),
  };
  return {
    name: `layer ${JSON.stringify(sizes)} on [${query.shape}] and [${key.shape}]`,
    sync: () => {
      using made = new MultiHeadAttention({ ...sizes, engine });
      return made.forwardSync(query, key, key, options);
    },
    async: async (signal) => {
      using made = new MultiHeadAttention({ ...sizes, engine });
      return await made.forward(query, key, key, { ...options, signal });
    },
  };
}

function drawLayer(draws: Draws) {
  const [numKvHeads, group, headDim] = [draws.whole(1, 2), draws.whole(1, 2), 2 * draws.length(20)];
  const rotary = draws.chance(0.4);
  return {
    numHeads: numKvHeads * group,
    numKvHeads,
    headDim,
    embedDim: draws.length(70),
    bias: draws.chance(),
    addBiasKv: !rotary && draws.chance(0.3),
    addZeroAttn: !rotary && draws.chance(0.3),
    qkNorm: draws.chance(0.3),
    rotary,
  };
}

/** A prompt, a fork, some tokens to either, attention over both, and what the last token looks at. */
export function cached(draws: Draws, engine: Engine): MixedCall {
  const [batch, kvHeads, group] = [draws.whole(1, 3), draws.whole(1, 3), draws.whole(1, 4)];
  const [headDim, valueDim] = [draws.length(128), draws.length(128)];
  const dtype = draws.pick(["float32", "bfloat16", "int8"] as const);
  const sizes = { batch, kvHeads, headDim, valueDim, dtype, window: draws.maybe(() => draws.whole(1, 90)) };
  const [prompt, added] = [draws.length(130), draws.whole(1, 9)];
  const rows = (n: number) =>
    [draws.tensor([batch, kvHeads, n, headDim]), draws.tensor([batch, kvHeads, n, valueDim])] as const;
  const [first, second, third] = [rows(prompt), rows(added), rows(1)];
  const lengths = draws.wholes(batch, 0, added);
  const queries = [added, 1].map((n) => draws.tensor([batch, kvHeads * group, n, headDim]));
  const [causal, topK] = [draws.chance(), draws.whole(1, 16)];
  const options = { causal, ...(sizes.window === undefined && wishes(draws)) };
  const name = `cache ${JSON.stringify(sizes)} of ${prompt} + ${lengths} tokens, ${group} queries a head`;
  const async = async (signal?: AbortSignal): Promise<Results> => {
    using cache = new KVCache({ ...sizes, maxLength: 200, engine });
    await cache.appendAsync(...first, { signal });
    using fork = cache.fork();
    await cache.appendAsync(...second, { lengths, signal });
    await fork.appendAsync(...third, { signal });
    const over = (one: KVCache, i: number) =>
      engine.scaledDotProductAttention(queries[i]!, one, { ...options, signal });
    // One after the other: a call that is aborted leaves none behind that it has begun.
    return [
      await over(cache, 0),
      await over(fork, 1),
      await attentionStatistics(queries[1]!, cache, { causal, topK, signal }),
    ];
  };
  const sync = (): Results => {
    using cache = new KVCache({ ...sizes, maxLength: 200, engine });
    cache.append(...first);
    using fork = cache.fork();
    cache.append(...second, { lengths });
    fork.append(...third);
    return [
      ...[cache, fork].map((one, i) => engine.scaledDotProductAttentionSync(queries[i]!, one, options)),
      attentionStatisticsSync(queries[1]!, cache, { causal, topK }),
    ];
  };
  return { name, sync, async };
}

/** A layer that decodes: a prompt, then token by token. */
export function decodingLayer(draws: Draws, engine: Engine): MixedCall {
  const sizes = { ...drawLayer(draws), addBiasKv: false, addZeroAttn: false };
  const dtype = draws.pick(["float32", "bfloat16", "int8"] as const);
  const [prompt, tokens] = [
    draws.tensor([1, draws.length(70), sizes.embedDim]),
    draws.tensor([1, 1, sizes.embedDim]),
  ];
  const { numKvHeads: kvHeads, headDim } = sizes;
  const make = () => new KVCache({ batch: 1, kvHeads, headDim, maxLength: 100, dtype, engine });
  return {
    name: `decoding layer ${JSON.stringify(sizes)}, ${dtype}, on [${prompt.shape}]`,
    sync: () => {
      using cache = make();
      using made = new MultiHeadAttention({ ...sizes, engine });
      return [made.forwardSync(prompt, { cache, causal: true }), made.forwardSync(tokens, { cache })];
    },
    async: async (signal) => {
      using cache = make();
      using made = new MultiHeadAttention({ ...sizes, engine });
      const first = await made.forward(prompt, { cache, causal: true, signal });
      return [first, await made.forward(tokens, { cache, signal })];
    },
  };
}
