/** Wrong calls of what needs no engine, or makes one. */
import {
  alibiSlopes,
  applyRotary,
  createBlockMask,
  createEngine,
  Embedding,
  KVCache,
  LearnedPositions,
  MultiHeadAttention,
  sinusoidalPositions,
  tensor,
} from "wasm-attention";
import * as onnx from "wasm-attention/onnx";
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from "wasm-attention/safetensors";
import { MultiheadAttention, scaled_dot_product_attention } from "wasm-attention/torch";
import { boom, type Code, detached, f32, f64, u8 } from "./rows.ts";

/** A call, and what it throws. */
export interface Maker {
  readonly call: () => unknown;
  readonly code: Code;
  readonly message: string;
}

type Row = readonly [call: () => unknown, code: Code, message: string];
const makers = (rows: readonly Row[]): Maker[] =>
  rows.map(([call, code, message]) => ({ call, code, message }));
const loose = <T>(value: unknown): T => value as T;

export const tensors = makers([
  [() => tensor([1, 2, 3], [2]), "ERR_SHAPE", '"data" of shape [2] expected 2 elements, got 3'],
  [() => tensor([1], [1.5]), "ERR_SHAPE", '"data" expected sizes that are whole numbers, got [1.5]'],
  [
    () => tensor([1], loose(undefined)),
    "ERR_DTYPE",
    '"data" expected a shape that is an array, got undefined',
  ],
  [() => tensor(loose([1, "2"]), [2]), "ERR_DTYPE", '"data" expected numbers, got "2" in place 1'],
  [() => tensor(new Array(2), [2]), "ERR_DTYPE", '"data" expected numbers, got undefined in place 0'],
  [
    () => createEngine({ threads: 0 }).tensor(loose(5)),
    "ERR_DTYPE",
    '"shape" expected a shape that is an array, got 5',
  ],
  [
    () => createEngine({ threads: 0 }).tensor([-1]),
    "ERR_SHAPE",
    '"shape" expected sizes that are whole numbers, got [-1]',
  ],
  [
    () => createEngine({ threads: 0 }).tensor([2 ** 40]),
    "ERR_MEMORY",
    "a tensor of shape [1099511627776] needs 4398046511104 bytes; 0 of at most 4294836224 bytes are in use",
  ],
]);

export const engines = makers([
  [
    () => createEngine({ threads: -1 }),
    "ERR_OPTION",
    '"threads" expected "auto" or a whole number from 0 to 64, got -1',
  ],
  [
    () => createEngine({ threads: 65 }),
    "ERR_OPTION",
    '"threads" expected "auto" or a whole number from 0 to 64, got 65',
  ],
  [
    () => createEngine(loose({ threads: "2" })),
    "ERR_OPTION",
    '"threads" expected "auto" or a whole number from 0 to 64, got "2"',
  ],
  [
    () => createEngine(loose({ kernels: "fast" })),
    "ERR_OPTION",
    '"kernels" expected one of auto, strict, relaxed, wide, got "fast"',
  ],
  [
    () => createEngine(loose({ kernels: 10n })),
    "ERR_OPTION",
    '"kernels" expected one of auto, strict, relaxed, wide, got 10n',
  ],
  [() => createEngine({ maxMemory: -1 }), "ERR_OPTION", '"maxMemory" expected a number of bytes, got -1'],
  [() => createEngine({ queueLimit: 1.5 }), "ERR_OPTION", '"queueLimit" expected a whole number, got 1.5'],
  [
    () => createEngine(loose({ thread: 2 })),
    "ERR_OPTION",
    '"thread" is no option here (did you mean "threads"?); expected threads, kernels, maxMemory, queueLimit',
  ],
  [() => createEngine(loose(null)), "ERR_OPTION", '"options" expected an object, got null'],
  [
    () => createEngine(Object.defineProperty({}, "threads", { enumerable: true, get: boom })),
    "ERR_DTYPE",
    '"threads" cannot be read: boom',
  ],
]);

const sizes = { L: 3, S: 4 };
export const blockMasks = makers([
  [() => createBlockMask(loose(5), sizes), "ERR_OPTION", '"mask" expected a function, got 5'],
  [
    () => createBlockMask(() => true, loose(undefined)),
    "ERR_OPTION",
    '"sizes" expected { L, S }, got undefined',
  ],
  [
    () => createBlockMask(() => true, { L: -1, S: 4 }),
    "ERR_OPTION",
    '"L" expected a whole number of at least 0, got -1',
  ],
  [
    () => createBlockMask(() => true, { ...sizes, B: 0 }),
    "ERR_OPTION",
    '"B" expected a whole number of at least 1, got 0',
  ],
  [
    () => createBlockMask(() => true, { ...sizes, blockSize: 2 ** 20 }),
    "ERR_OPTION",
    '"blockSize" expected at most 4096, got 1048576',
  ],
  [
    () => createBlockMask(() => true, loose({ ...sizes, K: 1 })),
    "ERR_OPTION",
    '"K" is no option here; expected B, H, L, S, blockSize',
  ],
  [
    () => createBlockMask(() => true, { L: 2 ** 40, S: 0 }),
    "ERR_MEMORY",
    "a block mask of [B=1, H=1, L=1099511627776, S=0] in blocks of 64 has more than 268435456 of them",
  ],
  [
    () => createBlockMask(() => true, sizes).and(loose({})),
    "ERR_DTYPE",
    '"other" expected what createBlockMask returns, got an object',
  ],
  [
    () => createBlockMask(() => true, sizes).or(createBlockMask(() => true, { L: 4, S: 4 })),
    "ERR_SHAPE",
    '"other" expected a block mask of L=3, S=4, got L=4, S=4',
  ],
]);

const embedding = new Embedding({ numEmbeddings: 3, embedDim: 2 });
const positions = new LearnedPositions({ maxLength: 3, embedDim: 2 });
export const tables = makers([
  [() => new Embedding(loose(null)), "ERR_OPTION", '"options" expected an object, got null'],
  [
    () => new Embedding(loose({ numEmbeddings: 3 })),
    "ERR_OPTION",
    '"embedDim" expected a positive whole number, got undefined',
  ],
  [
    () => new Embedding(loose({ numEmbeddings: 3, embedDim: 2, dim: 2 })),
    "ERR_OPTION",
    '"dim" is no option here; expected numEmbeddings, embedDim, seed',
  ],
  [
    () => new Embedding({ numEmbeddings: 2 ** 40, embedDim: 2 ** 10 }),
    "ERR_MEMORY",
    "a random weight needs 1125899906842624 numbers, more than 1073741824",
  ],
  [
    () => new Embedding({ weight: loose(f64(3, 2)) }),
    "ERR_DTYPE",
    '"weight" expected data of type Float32Array, got Float64Array',
  ],
  [() => embedding.forward([3]), "ERR_OPTION", '"ids" expected ids from 0 to 2, got 3 at position 0'],
  [() => embedding.forward([0, -1]), "ERR_OPTION", '"ids" expected ids from 0 to 2, got -1 at position 1'],
  [() => embedding.forward(loose(["1"])), "ERR_OPTION", '"ids" expected numbers, got "1"'],
  [() => embedding.forward(detached(2).data), "ERR_DISPOSED", '"ids" is backed by a detached buffer'],
  [() => positions.forward(4), "ERR_OPTION", '"length" expected at most maxLength 3, got 4'],
  [
    () => positions.forward([1, 3]),
    "ERR_OPTION",
    '"positions" expected positions from 0 to 2 (maxLength 3), got 3 at position 1',
  ],
  [() => sinusoidalPositions(-1, 4), "ERR_OPTION", '"length" expected a whole number, got -1'],
  [
    () => sinusoidalPositions(2 ** 40, 4),
    "ERR_MEMORY",
    "a result of shape [1099511627776, 4] needs 4398046511104 numbers, more than 1073741824",
  ],
  [() => alibiSlopes(0), "ERR_OPTION", '"heads" expected a whole number of at least 1, got 0'],
  [() => alibiSlopes(2 ** 40), "ERR_OPTION", '"heads" expected at most 1048576, got 1099511627776'],
]);

const x = f32(2, 3, 4);
export const rotary = makers([
  [() => applyRotary(f32(4)), "ERR_SHAPE", '"x" expected shape [..., L, E], got [4]'],
  [() => applyRotary(x, loose(null)), "ERR_OPTION", '"options" expected an object, got null'],
  [() => applyRotary(x, { base: 0 }), "ERR_OPTION", '"base" expected a finite number of at least 1, got 0'],
  [() => applyRotary(x, { dim: 3 }), "ERR_OPTION", '"dim" expected an even number up to E=4, got 3'],
  [() => applyRotary(x, { positions: [1] }), "ERR_SHAPE", '"positions" expected 3 elements, got 1'],
  [
    () => applyRotary(x, loose({ scaling: "linear" })),
    "ERR_OPTION",
    '"scaling" expected an object, got "linear"',
  ],
  [
    () => applyRotary(x, { scaling: { type: "ntk" } }),
    "ERR_OPTION",
    '"scaling.rope_type" expected one of "default", "linear", "llama3", "yarn", got "ntk"',
  ],
  [
    () => applyRotary(x, { cos: f32(2, 2), sin: f32(2, 2) }),
    "ERR_SHAPE",
    '"cos" expected shape [L=3, R/2], or [B=2, L=3, R/2] for x of rank 3 or more, got [2, 2]',
  ],
  [
    () => applyRotary(x, { cos: f32(3, 2), sin: f32(3, 1) }),
    "ERR_SHAPE",
    '"sin" expected the shape of "cos" [3, 2], got [3, 1]',
  ],
]);

const good = { embedDim: 4, numHeads: 2 };
const layer = new MultiHeadAttention(good);
const [q, k] = [f32(2, 3, 4), f32(2, 5, 4)];
export const layers = makers([
  [
    () => new MultiHeadAttention(loose(undefined)),
    "ERR_OPTION",
    '"options" expected an object, got undefined',
  ],
  [
    () => new MultiHeadAttention({ ...good, embedDim: 0 }),
    "ERR_OPTION",
    '"embedDim" expected a whole number of at least 1, got 0',
  ],
  [
    () => new MultiHeadAttention({ ...good, numHeads: 3 }),
    "ERR_OPTION",
    '"numHeads" expected a divisor of embedDim=4, got 3',
  ],
  [
    () => new MultiHeadAttention({ ...good, embedDim: 2 ** 40 }),
    "ERR_MEMORY",
    "a random weight needs 1.2089258196146292e+24 numbers, more than 1073741824",
  ],
  [
    () => MultiHeadAttention.fromStateDict(loose(null), { numHeads: 2 }),
    "ERR_DTYPE",
    "the state dict expected an object of tensors, got null",
  ],
  [
    () => MultiHeadAttention.fromStateDict({}, { numHeads: 2 }),
    "ERR_OPTION",
    'the state dict has no "in_proj_weight", and no "q_proj_weight"',
  ],
  [
    () => MultiHeadAttention.fromStateDict({ in_proj_weight: f32(12, 5) }, { numHeads: 2 }),
    "ERR_SHAPE",
    '"in_proj_weight" expected shape [15, 5], got [12, 5]',
  ],
  [() => layer.forwardSync(f32(4)), "ERR_SHAPE", '"query" expected shape [B, L, E=4], got [4]'],
  [
    () => layer.forwardSync(q, f32(2, 5, 3)),
    "ERR_SHAPE",
    '"key" expected shape [B=2, S, kdim=4], got [2, 5, 3]',
  ],
  [
    () => layer.forwardSync(q, k, f32(2, 4, 4)),
    "ERR_SHAPE",
    '"value" expected shape [B=2, S=5, vdim=4], got [2, 4, 4]',
  ],
  [
    () => layer.forwardSync(q, k, k, loose({ mask: 1 })),
    "ERR_OPTION",
    '"mask" is no option here; expected keyPaddingMask, attnMask, causal, headMask, needWeights, averageWeights, cache, lengths, signal',
  ],
  [
    () => layer.forwardSync(q, k, k, loose({ keyPaddingMask: false })),
    "ERR_DTYPE",
    '"keyPaddingMask" expected a tensor { data, shape }, got false',
  ],
  [
    () => layer.forwardSync(q, k, k, { keyPaddingMask: u8(2, 4) }),
    "ERR_SHAPE",
    '"keyPaddingMask" expected shape [B=2, S=5], got [2, 4]',
  ],
  [
    () => layer.forwardSync(q, k, k, { attnMask: u8(5) }),
    "ERR_SHAPE",
    '"attnMask" expected [L, S], [H, L, S] or [B, H, L, S], got [5]',
  ],
  [
    () => layer.forwardSync(q, k, k, loose({ causal: "yes" })),
    "ERR_OPTION",
    '"causal" expected true or false, got "yes"',
  ],
  [
    () => layer.forwardSync(q, q, q, loose({ cache: {} })),
    "ERR_OPTION",
    '"cache" expected a KVCache, got an object',
  ],
]);

const cacheSizes = { batch: 1, kvHeads: 1, headDim: 2, maxLength: 4 };
export const caches = makers([
  [() => new KVCache(loose(null)), "ERR_OPTION", '"options" expected an object, got null'],
  [
    () => new KVCache({ ...cacheSizes, batch: 0 }),
    "ERR_OPTION",
    '"batch" expected a whole number of at least 1, got 0',
  ],
  [
    () => new KVCache({ ...cacheSizes, batch: 2 ** 32 }),
    "ERR_OPTION",
    '"batch" expected at most 1048576, got 4294967296',
  ],
  [
    () => new KVCache({ ...cacheSizes, maxLength: 2 ** 31 }),
    "ERR_OPTION",
    '"maxLength" expected at most 1073741824, got 2147483648',
  ],
  [
    () => new KVCache(loose({ ...cacheSizes, dtype: "int4" })),
    "ERR_OPTION",
    '"dtype" expected one of "float32", "bfloat16", "int8", got "int4"',
  ],
  [
    () => new KVCache({ ...cacheSizes, window: 0 }),
    "ERR_OPTION",
    '"window" expected a whole number of at least 1, got 0',
  ],
  [
    () => new KVCache(cacheSizes).append(f32(1, 5, 2), f32(1, 5, 2)),
    "ERR_OPTION",
    '"maxLength" is 4: entry 0 holds 0 tokens, and 5 more were appended',
  ],
  [
    () => new KVCache(cacheSizes).append(f32(1, 2, 3), f32(1, 2, 2)),
    "ERR_SHAPE",
    '"key" expected shape [K=1, n, E=2], got [1, 2, 3]',
  ],
  [() => new KVCache(cacheSizes).truncate(1), "ERR_OPTION", "entry 0 holds 0 tokens and cannot be cut to 1"],
  [
    () => new KVCache(cacheSizes).truncate(loose("1")),
    "ERR_DTYPE",
    '"lengths" expected an array or a rank-1 tensor, got "1"',
  ],
  [() => new KVCache(cacheSizes).fork([1]), "ERR_OPTION", '"entries" expected 0 to 0, got 1'],
  [() => new KVCache(cacheSizes).fork([]), "ERR_OPTION", '"entries" expected at least one entry, got none'],
]);

const [Q, K] = [f32(1, 2, 3, 4), f32(1, 2, 5, 4)];
export const onnxOperators = makers([
  [() => onnx.attention(loose(null)), "ERR_OPTION", '"inputs" expected an object, got null'],
  [
    () => onnx.attention({ Q, K, V: f32(1, 2, 4, 4) }),
    "ERR_SHAPE",
    '"V" expected shape [B=1, K=2, S=5, V], got [1, 2, 4, 4]',
  ],
  [
    () => onnx.attention({ Q, K, V: K }, loose({ is_causal: 2 })),
    "ERR_OPTION",
    '"is_causal" expected one of 0, 1, false, true, got 2',
  ],
  [
    () => onnx.attention({ Q, K, V: K }, loose({ causal: 1 })),
    "ERR_OPTION",
    '"causal" is no option here; expected is_causal, q_num_heads, kv_num_heads, qk_matmul_output_mode, scale, softcap, softmax_precision, left_window_size, right_window_size',
  ],
  [
    () => onnx.attention({ Q, K, V: K, past_key: K }),
    "ERR_OPTION",
    '"past_value" is missing: past_key and past_value come together or not at all',
  ],
  [
    () => onnx.matMul({ A: f32(2, 3), B: f32(4, 2) }),
    "ERR_SHAPE",
    '"B" expected K=3 as in "A" [2, 3], got 4 in [4, 2]',
  ],
  [
    () => onnx.matMul({ A: f32(2, 3), B: f32(3, 2) }, loose({ alpha: 1 })),
    "ERR_OPTION",
    '"alpha" is no option here; expected none',
  ],
  [() => onnx.softmax({ input: f32() }), "ERR_SHAPE", '"input" expected at least one dimension, got []'],
  [
    () => onnx.softmax({ input: f32(2, 3) }, { axis: 2 }),
    "ERR_OPTION",
    '"axis" expected a whole number from -2 to 1, got 2',
  ],
  [
    () =>
      onnx.rotaryEmbedding({
        X: Q,
        cos_cache: f32(9, 2),
        sin_cache: f32(9, 2),
        position_ids: { data: Int32Array.of(0, 1, 9), shape: [1, 3] },
      }),
    "ERR_OPTION",
    '"position_ids" expected rows of the caches, 0 to 8, got 9',
  ],
  [
    () =>
      onnx.linearAttention(
        { query: f32(1, 3, 4), key: f32(1, 3, 4), value: f32(1, 3, 4) },
        { q_num_heads: 2, kv_num_heads: 2 },
      ),
    "ERR_OPTION",
    '"decay" is missing: the update_rule "gated_delta" needs it',
  ],
]);

const mha = new MultiheadAttention(4, 2);
export const torchNames = makers([
  [
    () => scaled_dot_product_attention(f32(4), K, K),
    "ERR_SHAPE",
    '"query" expected at least 2 dimensions, got [4]',
  ],
  [
    () => scaled_dot_product_attention(Q, K, K, null, 0.1),
    "ERR_OPTION",
    '"dropout_p" expected 0, as this is inference, got 0.1',
  ],
  [
    () => scaled_dot_product_attention(Q, K, K, u8(3, 5), 0, true),
    "ERR_OPTION",
    '"attn_mask" cannot be combined with "is_causal"',
  ],
  [
    () => scaled_dot_product_attention(Q, K, K, null, 0, false, loose({ is_causal: true })),
    "ERR_OPTION",
    '"is_causal" is no option here; expected scale, enable_gqa, engine, signal',
  ],
  [
    () => scaled_dot_product_attention(Q, K, K, null, 0, false, loose(null)),
    "ERR_OPTION",
    '"options" expected an object, got null',
  ],
  [() => new MultiheadAttention(4, 3), "ERR_OPTION", '"num_heads" expected a divisor of embed_dim=4, got 3'],
  [
    () => mha.load_state_dict(loose(null)),
    "ERR_DTYPE",
    '"state_dict" expected an object of tensors, got null',
  ],
  [
    () => mha.forward(f32(3, 1, 4), f32(3, 1, 4), f32(2, 1, 4)),
    "ERR_SHAPE",
    '"value" expected shape [S=3, B=1, vdim=4], got [2, 1, 4]',
  ],
  [
    () => mha.forward(q, q, q, { is_causal: true }),
    "ERR_OPTION",
    '"is_causal" is a hint on an "attn_mask", which is missing',
  ],
]);

/** A file with that header, and so many bytes of data. */
function file(header: unknown, data = 0, text = JSON.stringify(header)): Uint8Array {
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const F32 = (shape: unknown, data_offsets: unknown) => ({ dtype: "F32", shape, data_offsets });
const huge = new Uint8Array(16).fill(255, 0, 8);
export const files = makers([
  [
    () => readSafetensors(loose("model.safetensors")),
    "ERR_DTYPE",
    '"bytes" expected a Uint8Array, got "model.safetensors"',
  ],
  [
    () => readSafetensors(new Uint8Array(3)),
    "ERR_OPTION",
    "the safetensors file has 3 bytes, too few for a header",
  ],
  [
    () => readSafetensors(huge),
    "ERR_OPTION",
    "the safetensors file says that its header has 18446744073709551615 bytes, more than 100000000",
  ],
  [
    () => readSafetensors(file({}).subarray(0, 9)),
    "ERR_OPTION",
    "the safetensors file is cut short: 2 bytes of header, 1 are there",
  ],
  [
    () => readSafetensors(file(0, 0, "{'a': 1}")),
    "ERR_OPTION",
    "the safetensors file has a header that is no JSON",
  ],
  [
    () => readSafetensors(file(0, 0, "[".repeat(1e5))),
    "ERR_OPTION",
    "the safetensors file has a header that is no JSON",
  ],
  [() => readSafetensors(file([])), "ERR_OPTION", "the safetensors file has a header that is no JSON object"],
  [
    () => readSafetensors(file({ a: 1 })),
    "ERR_OPTION",
    'the safetensors file describes "a" otherwise than by dtype, shape and data_offsets',
  ],
  [
    () => readSafetensors(file({ a: F32([2], [0, -8]) })),
    "ERR_OPTION",
    'the safetensors file describes "a" otherwise than by dtype, shape and data_offsets',
  ],
  [
    () => readSafetensors(file({ a: F32([2], [8, 0]) })),
    "ERR_OPTION",
    'the safetensors file has offsets [8, 0] for "a"',
  ],
  [
    () => readSafetensors(file({ a: F32([2 ** 31, 2 ** 31], [0, 8]) }, 8)),
    "ERR_SHAPE",
    '"a" in the safetensors file has too large a shape, [2147483648, 2147483648]',
  ],
  [
    () => readSafetensors(file({ a: F32([2], [0, 8]), b: F32([2], [4, 12]) }, 12)),
    "ERR_OPTION",
    'the safetensors file has overlapping tensors at "b"',
  ],
  [
    () => readSafetensors(file({ a: F32([2], [4, 12]) }, 12)),
    "ERR_OPTION",
    'the safetensors file has a hole in its data at "a"',
  ],
  [
    () => readSafetensors(file({ a: F32([2], [0, 8]) }, 7)),
    "ERR_OPTION",
    "the safetensors file is cut short: 8 bytes of data, 7 are there",
  ],
  [
    () => readSafetensors(file({ a: F32([2], [0, 8]) }, 9)),
    "ERR_OPTION",
    "the safetensors file has 1 bytes after its last tensor",
  ],
  [
    () => readSafetensors(file({ a: { ...F32([2], [0, 8]), dtype: "constructor" } }, 8)),
    "ERR_UNSUPPORTED",
    '"a" in the safetensors file has elements of type constructor, not read here',
  ],
  [
    () =>
      readSafetensors(
        file(
          0,
          4,
          '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}',
        ),
      ),
    "ERR_OPTION",
    "the safetensors file has a header that has a name twice",
  ],
  [
    () => readSafetensorsHeader(file({}), Number.NaN),
    "ERR_OPTION",
    '"fileSize" expected a whole number of at least the 10 bytes that are there, got NaN',
  ],
  [() => writeSafetensors(loose(null)), "ERR_DTYPE", '"tensors" expected an object, got null'],
  [
    () => writeSafetensors({ "\ud800": f32(1) }),
    "ERR_OPTION",
    '"tensors" may not hold the name "\\ud800", which is no text',
  ],
  [
    () => writeSafetensors({}, loose({ a: 1 })),
    "ERR_OPTION",
    "safetensors metadata expected an object of strings",
  ],
]);
