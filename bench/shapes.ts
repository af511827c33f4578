/** What is measured: shapes of published models, from their configuration files or papers. */
import type { AttentionSize, MatmulSize, SoftmaxSize } from "./problem.ts";

export type Shape =
  | { readonly kind: "attention"; readonly name: string; readonly size: AttentionSize }
  | { readonly kind: "matmul"; readonly name: string; readonly size: MatmulSize }
  | { readonly kind: "softmax"; readonly name: string; readonly size: SoftmaxSize };

const attention = (
  name: string,
  heads: string,
  size: Partial<AttentionSize> & { L: number; E: number },
): Shape => {
  const [H, K] = heads.split("/").map(Number);
  return { kind: "attention", name, size: { B: 1, H, K: K ?? H, S: size.L, causal: false, ...size } };
};
const matmul = (name: string, M: number, K: number, N: number): Shape => ({
  kind: "matmul",
  name,
  size: { M, K, N },
});
const softmax = (name: string, rows: number, columns: number): Shape => ({
  kind: "softmax",
  name,
  size: { rows, columns },
});

export const shapes: readonly Shape[] = [
  // google-bert/bert-base-uncased: 12 heads, hidden size 768, at most 512 positions.
  attention("bert-base", "12", { L: 512, E: 64 }),
  // sentence-transformers/all-MiniLM-L6-v2: 12 heads, hidden size 384; 128 tokens are a long sentence.
  attention("minilm", "12", { L: 128, E: 32 }),
  // openai-community/gpt2: 12 heads, hidden size 768, context of 1024, causal.
  attention("gpt2-causal", "12", { L: 1024, E: 64, causal: true }),
  // google/vit-base-patch16-224: 12 heads, 14 x 14 patches and a class token.
  attention("vit-b16", "12", { L: 197, E: 64 }),
  // meta-llama/Meta-Llama-3-8B: 32 query heads on 8 key/value heads, head size 128; a prompt of 512.
  attention("llama3-8b-causal", "32/8", { L: 512, E: 128, causal: true }),
  // The same model writing a token after 4096 others.
  attention("llama3-8b-decode", "32/8", { L: 1, S: 4096, E: 128 }),
  // openai/whisper-small: a decoder step attends to the 1500 states of its encoder, 12 heads of 64.
  attention("whisper-cross", "12", { L: 1, S: 1500, E: 64 }),
  // One head over a sentence: where the cost of a call shows.
  attention("one-head", "1", { L: 32, E: 64 }),

  // BERT-base, 512 tokens: a projection of query, key, value or output, and the feed-forward layer.
  matmul("bert-projection", 512, 768, 768),
  matmul("bert-feed-forward", 512, 768, 3072),
  // MiniLM, 128 tokens: a projection.
  matmul("minilm-projection", 128, 384, 384),
  // GPT-2 writing a token: the feed-forward layer of one row.
  matmul("gpt2-one-row", 1, 768, 3072),

  // BERT-base's scores, and the logits of GPT-2's vocabulary for one token.
  softmax("bert-scores", 12 * 512, 512),
  softmax("gpt2-logits", 1, 50257),
];
