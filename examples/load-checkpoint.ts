// From a checkpoint to an attention layer: a model in two files, of which one layer is read, in bfloat16.
//
// A real model comes from where its files are published, with a config.json. This program writes a small one of the
// same make first: two layers of a Llama, four query heads that share two key/value heads, rotary positions with the
// base of Llama 3. It then loads the second layer, runs a text through it in one pass, and the same text token by token
// with a key/value cache. Both must agree.
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Embedding, KVCache, tensor } from "wasm-attention";
import { findAttentionLayers } from "wasm-attention/checkpoints";
import { openSafetensors, writeSafetensorsFile } from "wasm-attention/safetensors";

const [E, heads, kvHeads, D, L] = [64, 4, 2, 16, 12];
const config = {
  model_type: "llama",
  num_attention_heads: heads,
  num_key_value_heads: kvHeads,
  rope_theta: 500000,
};

const folder = await mkdtemp(join(tmpdir(), "wasm-attention-example-"));
const weight_map: Record<string, string> = {};
for (const n of [0, 1]) {
  const file = `model-0000${n + 1}-of-00002.safetensors`;
  const rows = { q_proj: heads * D, k_proj: kvHeads * D, v_proj: kvHeads * D, o_proj: E };
  const tensors = Object.fromEntries(
    Object.entries(rows).map(([name, count], i) => {
      const weight = new Embedding({ numEmbeddings: count, embedDim: E, seed: 10 * n + i }).weight;
      return [
        `model.layers.${n}.self_attn.${name}.weight`,
        tensor(
          weight.data.map((x) => x / 8),
          [count, E],
        ),
      ];
    }),
  );
  await writeSafetensorsFile(join(folder, file), tensors, { format: "pt" }, { dtype: () => "BF16" });
  for (const name of Object.keys(tensors)) weight_map[name] = file;
}
const index = join(folder, "model.safetensors.index.json");
await writeFile(index, JSON.stringify({ metadata: {}, weight_map }));

const checkpoint = await openSafetensors(index);
const found = findAttentionLayers(checkpoint, config);
for (const { name, family, kind, options } of found) console.log(name, family, kind, options);
// Until here nothing but the index has been read, and of the files only the second one is opened now.
const layer = await found[1]!.load();
await checkpoint.close();
const { size } = await stat(join(folder, weight_map["model.layers.1.self_attn.q_proj.weight"]!));
console.log(`${layer.numHeads} heads of ${layer.headDim} from a file of ${size} bytes`);

const ids = Array.from({ length: L }, (_, i) => (7 * i) % 5);
const text = new Embedding({ numEmbeddings: 5, embedDim: E, seed: 3 }).forward(ids);
const { output } = await layer.forward(text, found[1]!.options);

const cache = new KVCache({ batch: 1, kvHeads, headDim: D, maxLength: L });
let largest = 0;
for (let i = 0; i < L; i++) {
  const token = tensor(text.data.slice(i * E, (i + 1) * E), [1, 1, E]);
  const step = await layer.forward(token, { cache, ...found[1]!.options });
  for (const [e, x] of step.output.data.entries())
    largest = Math.max(largest, Math.abs(x - output.data[i * E + e]!));
}
console.log(`Largest difference between one pass and ${L} steps: ${largest.toExponential(1)}`);
if (!(largest < 1e-5)) throw new Error("the steps do not give what one pass gives");

cache.dispose();
layer.dispose();
await rm(folder, { recursive: true });
