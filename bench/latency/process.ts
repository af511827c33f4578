// One process of the latency benchmark: reports on itself as JSON.
//   node process.js sync|async|warm

const mode = process.argv[2];
const CALLS = 100;
const [L, E] = [32, 64];

const data = Float32Array.from({ length: L * E }, (_, i) => Math.sin(i));
const beforeImport = performance.now();
const { createEngine, scaledDotProductAttention, scaledDotProductAttentionSync } = await import(
  "wasm-attention"
);
const imported = performance.now();
const x = { data, shape: [1, 1, L, E] };
const first =
  mode === "async" ? await scaledDotProductAttention(x, x, x) : scaledDotProductAttentionSync(x, x, x);
const firstDone = performance.now();

const reference = await import("wasm-attention/reference");
const exact = reference.scaledDotProductAttention(x, x, x).output.data;
if (!exact.every((y, i) => Math.abs(y - first.output.data[i]) < 1e-5)) throw new Error("the result is wrong");

const engine = createEngine({ threads: 1 });
if (mode === "warm") await engine.warmUp();
const query = engine.tensor([1, 1, L, E]);
const out = engine.tensor([1, 1, L, E]);
query.data.set(data);
const options = { out };
const inEngine = () => void engine.scaledDotProductAttentionSync(query, query, query, options);
const plain = () => void engine.scaledDotProductAttentionSync(x, x, x);

const callsUs = Array.from({ length: CALLS }, () => {
  const start = performance.now();
  inEngine();
  return (performance.now() - start) * 1e3;
});

/** The best of many rounds, in microseconds. */
function steady(run: () => void): number {
  let best = Infinity;
  for (let round = 0; round < 60; round++) {
    const start = performance.now();
    for (let i = 0; i < 100; i++) run();
    best = Math.min(best, ((performance.now() - start) / 100) * 1e3);
  }
  return best;
}

function bytesPerCall(run: () => void): number {
  const calls = 2000;
  for (let i = 0; i < 20_000; i++) run();
  (globalThis as { gc?: () => void }).gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < calls; i++) run();
  return Math.round((process.memoryUsage().heapUsed - before) / calls);
}

async function steadyAsync(): Promise<number> {
  let best = Infinity;
  for (let round = 0; round < 20; round++) {
    const start = performance.now();
    for (let i = 0; i < 50; i++) await engine.scaledDotProductAttention(x, x, x);
    best = Math.min(best, ((performance.now() - start) / 50) * 1e3);
  }
  return best;
}

const report =
  mode === "warm"
    ? {
        steadyUs: { engine: steady(inEngine), plain: steady(plain), async: await steadyAsync() },
        bytesPerCall: { engine: bytesPerCall(inEngine), plain: bytesPerCall(plain) },
      }
    : {};
console.log(
  JSON.stringify({ importMs: imported - beforeImport, firstMs: firstDone - imported, callsUs, ...report }),
);
await engine.dispose();
