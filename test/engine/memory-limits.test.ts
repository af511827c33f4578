/** What there is too little memory for is refused, whatever call it is; and kernels reach all of 4 GiB. */
import os from "node:os";
import { describe, expect, it } from "vitest";
import { createEngine, type Engine, KVCache, tensor } from "wasm-attention";
import type { LinearMemory } from "../../src/engine/linear-memory.ts";
import { expectSameBits } from "../support/accuracy.ts";
import { kernelSets } from "../support/backends.ts";
import { Draws, kindsOfCalls, type MixedCall, numbersOf } from "../support/mixed-calls/mixed-calls.ts";
import { type FloatTensor, normal } from "../support/random-tensors.ts";

const kinds = Object.entries(kindsOfCalls);
const ways = [
  { way: "sync", threads: 0, make: async (call: MixedCall) => call.sync() },
  { way: "async in slices", threads: 0, make: async (call: MixedCall) => (call.async ?? call.sync)() },
  { way: "async on workers", threads: 2, make: async (call: MixedCall) => (call.async ?? call.sync)() },
] as const;

describe.each(ways)("maxMemory, $way", ({ threads, make }) => {
  it.each(kinds)(
    "refuses %s that needs more, wherever it notices, and nothing is left behind",
    async (_, draw) => {
      for (let seed = 1; seed <= 2; seed++) {
        await using roomy = createEngine({ kernels: "strict", threads });
        const expected = numbersOf(await make(draw(new Draws(seed), roomy)));
        const { peak } = roomy.info().memory;
        // One unit too little, and less and less, so that other steps of the call are the first that do not fit.
        for (const maxMemory of [
          peak - 64,
          ...[0.8, 0.6, 0.4, 0.2, 0.05].map((share) => Math.floor(peak * share)),
        ]) {
          await using engine = createEngine({ kernels: "strict", threads, maxMemory });
          const call = draw(new Draws(seed), engine);
          await expect(make(call), call.name).rejects.toMatchObject({ code: "ERR_MEMORY" });
          expect(engine.info()).toMatchObject({ running: 0, memory: { used: 0 } });
        }
        await using exact = createEngine({ kernels: "strict", threads, maxMemory: peak });
        numbersOf(await make(draw(new Draws(seed), exact))).forEach((numbers, i) => {
          expectSameBits(numbers, expected[i]!, "with just enough");
        });
      }
    },
  );

  it("leaves outputs and caches as they were, and takes a smaller call next", async () => {
    await using engine = createEngine({ kernels: "strict", threads, maxMemory: 40_000 });
    const sync = make === ways[0].make;
    const large = normal([1, 1, 90, 64], 1);
    using cache = new KVCache({ batch: 1, kvHeads: 1, headDim: 8, maxLength: 10_000, engine });
    cache.append(normal([3, 8], 2), normal([3, 8], 3));
    const small = () => engine.scaledDotProductAttentionSync(normal([1, 8], 4), cache).output.data;
    const [before, { used }] = [small(), engine.info().memory];
    const out = tensor(new Float32Array(90 * 64).fill(7), large.shape);
    const square = tensor(new Float32Array(90 * 90).fill(7), [1, 1, 90, 90]);
    const tokens = normal([1000, 8], 5);
    const wide = { transposeB: true, out: square };
    const calls = sync
      ? [
          () => engine.softmaxSync(large, { out }),
          () => engine.scaledDotProductAttentionSync(large, large, large, { out }),
          () => engine.matmulSync(large, large, wide),
          () => cache.append(tokens, tokens),
        ]
      : [
          () => engine.softmax(large, { out }),
          () => engine.scaledDotProductAttention(large, large, large, { out }),
          () => engine.matmul(large, large, wide),
          () => cache.appendAsync(tokens, tokens),
        ];
    for (const call of calls)
      await expect((async () => call())()).rejects.toMatchObject({ code: "ERR_MEMORY" });
    expect([...out.data, ...square.data].filter((x) => x !== 7)).toEqual([]);
    expect([cache.lengths, engine.info().memory.used]).toEqual([[3], used]);
    expectSameBits(small(), before, "the cache");
    await cache.appendAsync(normal([2, 8], 6), normal([2, 8], 7));
    expect(cache.lengths).toEqual([5]);
  });
});

/** Linear memory grows to 4 GiB of addresses; what is not touched takes no memory of the machine. */
const ENOUGH = 2 * 2 ** 30;
const tooLittle = os.freemem() < ENOUGH;
if (tooLittle)
  console.log(`4 GiB of addresses: skipped, ${os.freemem()} bytes are free, ${ENOUGH} are asked for`);

/** Takes all addresses below one, without touching them. */
function takeBelow(engine: Engine, address: number): void {
  const { memory } = (engine as unknown as { runtime: { memory: LinearMemory } }).runtime;
  memory.allocate(address - 65_536, "a test");
}

describe.skipIf(tooLittle)("addresses", () => {
  const places = [
    { where: "around 2^31", below: 2 ** 31 - 8192 },
    { where: "from 3 GiB on", below: 3 * 2 ** 30 },
    { where: "up to just below 4 GiB", below: 2 ** 32 - 24 * 2 ** 20 },
  ];
  const cases = kernelSets.flatMap((kernels) =>
    places.flatMap((place) => [0, 1].map((threads) => ({ ...place, kernels, threads }))),
  );

  it.each(cases)(
    "$where: $kernels kernels, threads: $threads, give the same bits",
    async ({ kernels, threads, below }) => {
      await using low = createEngine({ kernels, threads });
      await using high = createEngine({ kernels, threads });
      takeBelow(high, below);
      for (const [name, draw] of kinds)
        for (let seed = 1; seed <= 5; seed++) {
          const held: { dispose(): void }[] = [];
          // Operands lie where they are used, in the engine's memory, for one call in two.
          const place = (x: FloatTensor) => {
            const placed = high.tensor(x.shape);
            placed.data.set(x.data);
            held.push(placed);
            return placed;
          };
          const [there, here] = [
            draw(new Draws(seed, seed % 2 ? place : undefined), high),
            draw(new Draws(seed), low),
          ];
          const expected = numbersOf(here.sync());
          for (const results of [there.sync(), await there.async?.()])
            numbersOf(results).forEach((numbers, i) => {
              expectSameBits(numbers, expected[i]!, `${name}: ${there.name}`);
            });
          for (const one of held) one.dispose();
        }
      expect(high.info().memory.used).toBe(below - 65_536);
    },
  );

  it("end below 4 GiB: what does not fit is refused, what fits is computed", async () => {
    await using engine = createEngine({ kernels: "strict", threads: 0 });
    takeBelow(engine, 2 ** 32 - 2 ** 20);
    const { used } = engine.info().memory;
    const large = normal([512, 512], 1);
    expect(() => engine.matmulSync(large, large)).toThrow(/needs \d+ bytes; \d+ of at most/);
    await expect(engine.matmul(large, large)).rejects.toMatchObject({ code: "ERR_MEMORY" });
    expect(engine.info().memory.used).toBe(used);
    const small = normal([64, 64], 1);
    using engineSmall = createEngine({ kernels: "strict", threads: 0 });
    expectSameBits(
      engine.matmulSync(small, small).data,
      engineSmall.matmulSync(small, small).data,
      "at the end",
    );
    // The last page is never handed out: a pointer to its end would be 0.
    const rest = 2 ** 20 - 65_536;
    using all = engine.tensor([rest / 4]);
    expect(all.data.byteOffset + all.data.byteLength).toBe(2 ** 32 - 65_536);
    expect(() => engine.tensor([1])).toThrow("a tensor of shape [1] needs 4 bytes");
  });
});
