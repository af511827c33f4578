// Many requests that begin with the same text: its keys are attended to once for all of them.
//
// Requests to a language model often share a long prefix: the system prompt, a document that all of them ask about. In a
// step of decoding, each request's newest token attends to the prefix and to the request's own text so far. Request by
// request, the prefix is read again for each of them. But to the kernel a query is a query, whosever it is: the queries of
// all requests can attend to the prefix in one call, as if they were the tokens of one long text, so that each key
// meets all of them while it is in the cache. What each request says itself is a second call, and the two are merged.
//
//   prefix    [P, K, E]       one call: all requests' queries, [requests, H, E]
//   suffixes  [total, K, E]   one call: packed sequences, a query each
//   merged                    attention over the prefix and the request's own suffix
//
// This is known as cascade inference (FlashInfer) or Hydragen (Juravsky et al., 2024). The result is that of attention
// over prefix and suffix in one piece, up to the rounding of float32.
import { createEngine, Embedding } from "wasm-attention";
import * as reference from "wasm-attention/reference";

const requests = 16;
const H = 8; // query heads
const K = 2; // key/value heads
const E = 64; // size of a head
const P = 2048; // tokens of the prefix
const suffixes = Array.from({ length: requests }, (_, r) => 3 + 2 * r); // tokens of each request's own

const engine = createEngine();
await engine.warmUp();

// Heads behind the sequence, as a projection writes them. Random numbers stand for a model's.
const query = filled([requests, H, E], 1);
const prefix = { key: filled([P, K, E], 2), value: filled([P, K, E], 3) };
const starts = sums(suffixes);
const own = { key: filled([starts.at(-1)!, K, E], 4), value: filled([starts.at(-1)!, K, E], 5) };
const one = sums(suffixes.map(() => 1)); // packed sequences of one query each

/** The prefix once for all, each suffix by itself, and the two merged. */
async function shared() {
  const returnLogSumExp = true;
  const parts = await Promise.all([
    engine.scaledDotProductAttention(query, prefix.key, prefix.value, { layout: "BLHE", returnLogSumExp }),
    engine.scaledDotProductAttention(query, own.key, own.value, {
      cuSeqlens: { query: one, key: starts },
      returnLogSumExp,
    }),
  ]);
  // Both outputs are [requests, H, E], both logSumExp [H, requests]: packed sequences are the layout "BLHE".
  return engine.mergeAttention(parts, { layout: "BLHE" });
}

// What it is compared with: each request has a copy of the prefix before its own tokens.
const wholeStarts = sums(suffixes.map((length) => P + length));
const whole = { key: joined("key"), value: joined("value") };

async function separate() {
  return engine.scaledDotProductAttention(query, whole.key, whole.value, {
    cuSeqlens: { query: one, key: wholeStarts },
  });
}

const exact = reference.scaledDotProductAttention(query, whole.key, whole.value, {
  cuSeqlens: { query: one, key: wholeStarts },
}).output;
const largestError = (await shared()).output.data.reduce(
  (largest, x, i) => Math.max(largest, Math.abs(x - exact.data[i]!)),
  0,
);
console.log(
  `${requests} requests share ${P} tokens, and have ${suffixes[0]} to ${suffixes.at(-1)} of their own.`,
);
console.log(`Largest difference from the float64 reference: ${largestError.toExponential(1)}`);
if (!(largestError < 1e-6)) throw new Error("merged, the parts are not the whole");

const [apart, together] = [await fastest(separate), await fastest(shared)];
console.log(`One step, the prefix read for each request: ${apart.toFixed(2)} ms`);
console.log(`One step, the prefix read once:             ${together.toFixed(2)} ms`);
console.log(`Time saved: ${(100 * (1 - together / apart)).toFixed(0)}%`);
const mebibytes = ({ key, value }: typeof own) =>
  ((key.data.byteLength + value.data.byteLength) / 2 ** 20).toFixed(1);
console.log(
  `Keys and values: ${mebibytes(whole)} MiB with the prefix copied, else ${mebibytes(prefix)} + ${mebibytes(own)}`,
);

for (const tensor of [query, ...[prefix, own, whole].flatMap(({ key, value }) => [key, value])])
  tensor.dispose();
await engine.dispose();

/** A tensor in the engine's memory, so that no call copies it. */
function filled(shape: number[], seed: number) {
  const rows = shape[0]!;
  const made = engine.tensor(shape);
  const numbers = new Embedding({ numEmbeddings: rows, embedDim: made.data.length / rows, seed });
  made.data.set(numbers.forward([...Array(rows).keys()]).data);
  return made;
}

/** For each request the prefix, then its own. */
function joined(name: "key" | "value") {
  const made = engine.tensor([wholeStarts.at(-1)!, K, E]);
  suffixes.forEach((_, r) => {
    const at = wholeStarts[r]! * K * E;
    made.data.set(prefix[name].data, at);
    made.data.set(own[name].data.subarray(starts[r]! * K * E, starts[r + 1]! * K * E), at + P * K * E);
  });
  return made;
}

/** Where each of some sequences starts when they lie one behind the other, and where the last one ends. */
function sums(lengths: readonly number[]): Int32Array {
  const ends = lengths.map((_, n) => lengths.slice(0, n + 1).reduce((sum, length) => sum + length, 0));
  return Int32Array.from([0, ...ends]);
}

/** Milliseconds of the fastest of some calls. */
async function fastest(call: () => Promise<unknown>): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    await call();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
