// npm run bench:sparsity: what leaving out scores saves. Windows, causality and lengths over long sequences against the
// full attention of the same run, as multiples of the share of scores that they allow: 1 would be no overhead.

import { createEngine } from "wasm-attention";
import { scaledDotProductAttention } from "wasm-attention/reference";
import { describeMachine } from "./machine.ts";
import { measureInTurn } from "./measure.ts";
import { createRandom } from "./random.ts";
import { formatNumber, formatTable } from "./table.ts";

const [S, E] = [16384, 64];
const kinds = [
  { name: "full", options: {}, allowed: S * S },
  { name: "window of 256, causal", options: { window: [255, 0] }, allowed: S * 256 - (255 * 256) / 2 },
  { name: "window of 128 either side", options: { window: [128, 128] }, allowed: S * 257 - 128 * 129 },
  { name: "causal", options: { causal: true }, allowed: (S * (S + 1)) / 2 },
  { name: "a quarter of the keys", options: { kvLengths: [S / 4] }, allowed: (S * S) / 4 },
] as const;

const engine = createEngine({ threads: 1 });
const random = createRandom(7);
const [query, key, value, out] = Array.from({ length: 4 }, () => {
  const tensor = engine.tensor([1, 1, S, E]);
  tensor.data.set(random(S * E));
  return tensor;
});

/** Some rows against the reference, each as a problem of its own: one query at its position. */
function check({ options }: (typeof kinds)[number]): void {
  engine.scaledDotProductAttentionSync(query, key, value, { ...options, out });
  for (const row of [0, 1, 300, S / 2 + 7, S - 1]) {
    const one = { data: query.data.slice(row * E, (row + 1) * E), shape: [1, 1, 1, E] };
    const exact = scaledDotProductAttention(one, key, value, { ...options, queryOffset: row }).output.data;
    exact.forEach((x, e) => {
      if (!(Math.abs(x - out.data[row * E + e]) < 1e-5))
        throw new Error(`row ${row} of ${JSON.stringify(options)}: ${out.data[row * E + e]}, expected ${x}`);
    });
  }
}

for (const kind of kinds) check(kind);
const candidates = kinds.map(({ name, options, allowed }) => ({
  name,
  work: 4 * allowed * E,
  run: () => void engine.scaledDotProductAttentionSync(query, key, value, { ...options, out }),
}));
const timings = await measureInTurn(candidates, { rounds: 3, milliseconds: 100 });
const full = timings[0].best;
const rows = kinds.map(({ name, allowed }, i) => {
  const share = allowed / (S * S);
  const { best } = timings[i];
  return [name, formatNumber(best), formatNumber(100 * share), formatNumber(best / full / share)];
});
const { cpu, node } = describeMachine();
console.log(
  `${S} queries and keys, one head of ${E}, one thread, ${engine.info().kernels} kernels, ${cpu}, Node ${node}\n`,
);
console.log(formatTable(["", "best ms", "% of scores", "time / share"], rows));
await engine.dispose();
