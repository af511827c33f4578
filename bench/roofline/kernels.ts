/**
 * What is placed under the roofs, and how it is counted. Operations: 2 M K N for a product, 4 B H L S E for attention (half of it
 * causal), 5 for an element of softmax: a comparison, a subtraction, an exponential, which is counted as one, an addition and a
 * multiplication. Bytes: every input read once and every output written once. A kernel that reads again what has left the
 * caches moves more, and is not credited for it.
 */
import { createAttentionCase } from "../attention-case.ts";
import type { CacheType } from "../cache-types.ts";
import type { Case, Entry } from "../case.ts";
import { createDecodeCase } from "../decode-case.ts";
import { createMatmulCase } from "../matmul-case.ts";
import type { Contender } from "../ours.ts";
import type { AttentionSize, MatmulSize, SoftmaxSize } from "../problem.ts";
import { createSoftmaxCase } from "../softmax-case.ts";
import { type Kernel, storedBytes } from "./kernel.ts";
import { createMerge } from "./merge.ts";
import { createRotary } from "./rotary.ts";

/** Llama 3 8B: 32 query heads on 8 key/value heads of 128. */
const llama = { B: 1, H: 32, K: 8, E: 128, causal: false };
const softmaxOperations = 5;

/** All kernels on every contender, those of the same name after one another. */
export function createKernels(contenders: readonly Contender[]): Kernel[] {
  const step = { ...llama, L: 1, S: 4096 };
  return [
    ...matmul("product", { M: 512, K: 768, N: 768 }, contenders),
    ...attention("attention", { B: 1, H: 12, K: 12, L: 512, S: 512, E: 64, causal: false }, contenders),
    ...attention("causal attention", { B: 1, H: 12, K: 12, L: 512, S: 512, E: 64, causal: true }, contenders),
    ...attention("long attention", { B: 1, H: 1, K: 1, L: 4096, S: 4096, E: 64, causal: false }, contenders),
    ...decode("decode", step, ["float32", "bfloat16", "int8"], contenders),
    // Drafts of speculative decoding, and small batches of heads that share a cache.
    ...decode("two queries", { ...step, L: 2 }, ["float32", "int8"], contenders),
    ...decode("four queries", { ...step, L: 4 }, ["float32", "int8"], contenders),
    ...decode("eight queries", { ...step, L: 8 }, ["float32", "int8"], contenders),
    ...decode("sixteen queries", { ...step, L: 16 }, ["float32", "int8"], contenders),
    ...softmax("softmax", { rows: 6144, columns: 512 }, contenders),
    ...contenders.map((contender) => createRotary("rotary", { H: llama.H, L: 512, E: llama.E }, contender)),
    ...contenders.map((contender) => createMerge("merge", { H: llama.H, L: 512, V: llama.E }, contender)),
  ];
}

function matmul(name: string, size: MatmulSize, contenders: readonly Contender[]): Kernel[] {
  const { M, K, N } = size;
  const bytes = 4 * (M * K + K * N + M * N);
  return fromCase(createMatmulCase(name, size, contenders), () => ({ bytes }));
}

function attention(name: string, size: AttentionSize, contenders: readonly Contender[]): Kernel[] {
  const bytes = attentionBytes(size, "float32");
  return fromCase(createAttentionCase(name, size, contenders), () => ({ bytes }));
}

/** The cache is read; that tokens are appended to it, less than a hundredth of that, is not counted. */
function decode(
  name: string,
  size: AttentionSize,
  types: readonly CacheType[],
  contenders: readonly Contender[],
): Kernel[] {
  const kernels = fromCase(createDecodeCase(name, size, contenders), ({ cache = "float32" }) => ({
    name: `${name}, ${cache} cache`,
    bytes: attentionBytes(size, cache),
    step: { tokens: size.L, cache },
  }));
  return kernels.filter((kernel) => types.some((type) => kernel.name.includes(type)));
}

function softmax(name: string, size: SoftmaxSize, contenders: readonly Contender[]): Kernel[] {
  const elements = size.rows * size.columns;
  return fromCase(createSoftmaxCase(name, size, contenders), () => ({
    work: softmaxOperations * elements,
    bytes: 4 * 2 * elements,
  }));
}

/** Query and output in float32, keys and values as they are stored. */
function attentionBytes({ B, H, K, L, S, E }: AttentionSize, type: CacheType): number {
  return 2 * B * (4 * H * L * E + K * S * storedBytes(type, E));
}

/** The package's entries of a case; the baselines stay out. */
function fromCase(
  { name, size, entries }: Case,
  count: (entry: Entry) => Pick<Kernel, "bytes" | "step"> & { name?: string; work?: number },
): Kernel[] {
  return entries
    .filter(({ group }) => group === "ours")
    .map((entry) => ({ ...entry, name, size, ...count(entry) }) as Kernel);
}
