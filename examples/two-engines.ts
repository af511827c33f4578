// Keys in two engines, as they must be where one engine's memory is too small for all of them.
//
// An engine has one WebAssembly memory, of 4 GiB at most. With 8 key/value heads of 128 in float32 a token takes 8 KiB, so
// half a million tokens fill it. Longer texts are cut: each engine holds a stretch of the keys with their values and
// attends to it, and mergeAttention puts the parts together. A part is L rows of V numbers and a logarithm each, however
// many keys it stands for, so what goes from engine to engine does not grow with the text.
//
// Here the memories are limited to one mebibyte each, which is less than the keys and values take, and everything else
// is as it would be with gigabytes. The engines compute at the same time, each on a thread of its own. N engines hold N
// times as much: an engine and a part more, and not a line else.
import { AttentionError, createEngine, Embedding, tensor } from "wasm-attention";
import * as reference from "wasm-attention/reference";

const H = 8; // query heads
const K = 2; // key/value heads
const E = 64; // size of a head
const L = 4; // the newest tokens, which attend to all before them and to themselves
const S = 1200; // tokens
const engines = [0, 1].map(() => createEngine({ threads: 1, maxMemory: 2 ** 20 }));
const stretch = S / engines.length;

const query = random([H, L, E], 1);
const key = random([K, S, E], 2);
const value = random([K, S, E], 3);

try {
  engines[0]!.tensor([2, K, S, E]);
  throw new Error("keys and values of all tokens fit one engine: this example shows nothing");
} catch (error) {
  if (!(error instanceof AttentionError && error.code === "ERR_MEMORY")) throw error;
  console.log(`One engine cannot hold them: ${error.message}`);
}

// Each engine holds the keys of its stretch: copied in once, then used in every step.
const held = engines.map((engine, n) => {
  const rows = [n * stretch, (n + 1) * stretch] as const;
  const held = { key: engine.tensor([K, stretch, E]), value: engine.tensor([K, stretch, E]) };
  for (let head = 0; head < K; head++) {
    const [from, to] = rows.map((row) => (head * S + row) * E);
    held.key.data.set(key.data.subarray(from, to), head * stretch * E);
    held.value.data.set(value.data.subarray(from, to), head * stretch * E);
  }
  return held;
});

const parts = await Promise.all(
  engines.map((engine, n) =>
    engine.scaledDotProductAttention(query, held[n]!.key, held[n]!.value, {
      causal: true,
      // Positions count from the first key of the stretch.
      queryOffset: S - L - n * stretch,
      returnLogSumExp: true,
    }),
  ),
);
// Results are plain arrays, so either engine can take the parts of both.
const { output } = await engines[0]!.mergeAttention(parts);

const exact = reference.scaledDotProductAttention(query, key, value, { causal: "bottom-right" }).output;
const largestError = output.data.reduce(
  (largest, x, i) => Math.max(largest, Math.abs(x - exact.data[i]!)),
  0,
);
console.log(`Two engines hold ${engines.map((engine) => engine.info().memory.used).join(" + ")} bytes.`);
console.log(`Largest difference from the float64 reference: ${largestError.toExponential(1)}`);
if (!(largestError < 1e-6)) throw new Error("merged, the parts are not the whole");

const perToken = 2 * 8 * 128 * 4; // key and value, 8 heads of 128, float32
for (const count of [1, 2, 8])
  console.log(
    `${count} x 4 GiB: ${((count * 2 ** 32) / perToken / 1e6).toFixed(1)} million tokens of 8 heads of 128`,
  );

for (const { key, value } of held) for (const tensor of [key, value]) tensor.dispose();
for (const engine of engines) await engine.dispose();

function random(shape: number[], seed: number) {
  const rows = shape[0]!;
  const embedDim = (shape[1] ?? 1) * (shape[2] ?? 1);
  const { data } = new Embedding({ numEmbeddings: rows, embedDim, seed }).forward([...Array(rows).keys()]);
  return tensor(data, shape);
}
