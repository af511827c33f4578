// The numbers of a page, computed in Node by the package, and by other ways than the page's: the operator with its own
// options on projections of one's own, where the page has a layer with masks.
import { spawnSync } from "node:child_process";
import path from "node:path";
import {
  alibiSlopes,
  applyRotary,
  createEngine,
  Embedding,
  LearnedPositions,
  MultiHeadAttention,
  matmulSync,
  scaledDotProductAttentionSync,
  sinusoidalPositions,
  tensor,
} from "wasm-attention";

const repository = path.join(import.meta.dirname, "..", "..");

/** The embedded text, `[L, embedDim]`. */
export function embedded(texts, { embedDim, positions, seed }) {
  const known = [...new Set(texts)];
  const ids = texts.map((text) => known.indexOf(text));
  const x = new Embedding({ numEmbeddings: known.length, embedDim, seed }).forward(ids).data;
  if (positions === "sinusoidal") add(x, sinusoidalPositions(ids.length, embedDim).data);
  if (positions === "learned")
    add(
      x,
      new LearnedPositions({ maxLength: ids.length, embedDim, seed: seed + 2 }).forward(ids.length).data,
    );
  return tensor(x, [ids.length, embedDim]);
}

/** Each layer's weights `[H, L, L]`, and the last output. */
export function attended(texts, settings) {
  const weights = [];
  let x = embedded(texts, settings);
  let output = x;
  for (let layer = 0; layer < settings.layers; layer++) {
    if (layer > 0) x = tensor(add(Float32Array.from(x.data), output.data), x.shape);
    const one = layerPass(x, settings, layer);
    weights.push(one.weights);
    output = one.output;
  }
  return { weights, output };
}

function layerPass(x, settings, layer) {
  const { heads, positions, causal, window, projections, seed, embedDim } = settings;
  const seeds = seed + (layer === 0 ? 1 : 2 + layer);
  const module = new MultiHeadAttention({ embedDim, numHeads: heads, seed: seeds });
  const state = projections === "none" ? undefined : module.toStateDict();
  const rotated = (heads) => (positions === "rotary" ? applyRotary(heads) : heads);
  const [query, key, value] = [0, 1, 2].map((part) => headsOf(state ? project(x, state, part) : x, heads));
  const attention = scaledDotProductAttentionSync(rotated(query), rotated(key), value, {
    causal,
    window: window > 0 ? [window, window] : undefined,
    alibiSlopes: positions === "alibi" ? alibiSlopes(heads) : undefined,
    returnWeights: true,
  });
  const joined = tensor(
    x.data.map((_, n) => {
      const [i, column] = [Math.floor(n / embedDim), n % embedDim];
      const size = embedDim / heads;
      return attention.output.data[(Math.floor(column / size) * x.shape[0] + i) * size + (column % size)];
    }),
    x.shape,
  );
  const output = state
    ? matmulSync(joined, state["out_proj.weight"], { transposeB: true, bias: state["out_proj.bias"] })
    : joined;
  return { weights: attention.weights, output };
}

function project(x, state, part) {
  const width = x.shape[1];
  const rows = (name, size) => state[name].data.subarray(part * size, (part + 1) * size);
  const weight = tensor(rows("in_proj_weight", width * width), [width, width]);
  return matmulSync(x, weight, { transposeB: true, bias: tensor(rows("in_proj_bias", width), [width]) });
}

/** `[L, H E]` to `[H, L, E]`. */
function headsOf({ data, shape: [L, width] }, H) {
  const E = width / H;
  const at = (n) => data[(Math.floor(n / E) % L) * width + Math.floor(n / (L * E)) * E + (n % E)];
  return tensor(
    Float32Array.from({ length: data.length }, (_, n) => at(n)),
    [H, L, E],
  );
}

function add(sum, x) {
  for (let n = 0; n < sum.length; n++) sum[n] += x[n];
  return sum;
}

/** One layer, by the layer itself, on strict kernels: the bits that every machine has. */
export async function strictLayer(texts, { heads, embedDim, seed, positions, causal }) {
  const engine = createEngine({ kernels: "strict", threads: 1 });
  const layer = new MultiHeadAttention({
    embedDim,
    numHeads: heads,
    seed: seed + 1,
    rotary: positions === "rotary",
    engine,
  });
  const x = embedded(texts, { embedDim, positions, seed });
  const result = await layer.forward(x, { causal, needWeights: true, averageWeights: false });
  await engine.dispose();
  return result;
}

/** What `wasm-attention explore` draws of a head. */
export function explored(text, head, options) {
  const main = path.join(repository, "dist", "cli", "main.js");
  const args = [main, "explore", text, "--json", "--head", String(head), ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout).picture;
}

/** The largest difference of two lists of numbers of equal length. */
export function distance(a, b) {
  if (a.length !== b.length) throw new Error(`${a.length} numbers and ${b.length}`);
  let largest = 0;
  // Not Math.max: a NaN must not go unseen.
  for (let n = 0; n < a.length; n++) if (!(Math.abs(a[n] - b[n]) <= largest)) largest = Math.abs(a[n] - b[n]);
  return largest;
}
