/**
 * Random histories of several caches of one engine, side by side with plain lists of tokens. After every command lengths
 * are right and every page is accounted for; whatever is attended is what the float64 reference
 * makes of the lists, and bit for bit what the same engine does.
 *
 * The same histories everywhere; another number in CACHE_SEED draws others, and CACHE_RUNS says how many of each kind.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CacheType, type Engine, KVCache } from "wasm-attention";
import { scaledDotProductAttention as exactAttention } from "wasm-attention/reference";
import { expectAccurate, expectSameBits } from "../support/accuracy.ts";
import { forEachEngine } from "../support/backends.ts";
import { type FloatTensor, normal } from "../support/random-tensors.ts";
import { ModelCache, type ModelSizes } from "./model.ts";
import { pageBytes, refusal } from "./problem.ts";

const SEED = Number(process.env.CACHE_SEED ?? 1);
const RUNS = Number(process.env.CACHE_RUNS ?? 12);
const COMMANDS = 40;
const MOST_CACHES = 5;

const [K, H, E, V] = [2, 4, 5, 3];
const sizes = { kvHeads: K, headDim: E, valueDim: V, maxLength: 300 };

interface Pair {
  readonly real: KVCache;
  readonly model: ModelCache;
}

/** All caches there are, real and as lists. */
class World {
  readonly engine: Engine;
  readonly format: ModelSizes;
  readonly pairs: Pair[] = [];

  constructor(engine: Engine, format: ModelSizes) {
    this.engine = engine;
    this.format = format;
  }

  make(batch: number): void {
    const { dtype, window } = this.format;
    const real = new KVCache({ ...sizes, batch, dtype, window, engine: this.engine });
    this.pairs.push({ real, model: ModelCache.empty(this.format, batch) });
  }

  pick(n: number): Pair {
    return this.pairs[n % this.pairs.length]!;
  }

  remove(pair: Pair): void {
    pair.real.dispose();
    pair.model.dispose();
    this.pairs.splice(this.pairs.indexOf(pair), 1);
  }

  expectTrue(): void {
    const page = pageBytes(this.pairs[0]?.real ?? { ...sizes, batch: 1, dtype: this.format.dtype });
    for (const { real, model } of this.pairs) {
      expect(real.lengths).toEqual(model.lengths);
      expect(real.length).toBe(Math.max(...model.lengths));
      expect(real.byteLength).toBe(model.pages * page);
    }
    const pages = this.pairs.reduce((sum, { model }) => sum + model.pages, 0);
    expect(this.engine.info().memory.used).toBe(pages * page);
  }
}

/** One command, with all that chance has to say to it. Which cache it concerns depends on how many there are. */
abstract class Command {
  readonly n: number;
  readonly seed: number;
  readonly counts: readonly number[];

  constructor({ n, seed, counts }: { n: number; seed: number; counts: readonly number[] }) {
    this.n = n;
    this.seed = seed;
    this.counts = counts;
  }

  check({ pairs }: { pairs: readonly Pair[] }): boolean {
    return pairs.length > 0;
  }

  async run(world: World): Promise<void> {
    await this.change(world, world.pick(this.n));
    world.expectTrue();
  }

  abstract change(world: World, pair: Pair): Promise<void> | void;

  /** One of the numbers for each entry. */
  each({ model }: Pair): number[] {
    return model.entries.map((_, b) => this.counts[b % this.counts.length]!);
  }

  toString(): string {
    return `${this.constructor.name}(${this.n}, ${this.seed}, [${this.counts}])`;
  }
}

class Append extends Command {
  async change(_: World, pair: Pair): Promise<void> {
    const { real, model } = pair;
    const lengths = this.each(pair);
    const n = Math.max(...lengths);
    const key = normal([model.entries.length, K, n, E], this.seed);
    const value = normal([model.entries.length, K, n, V], this.seed + 1);
    if (!model.fits(lengths)) {
      await expect(this.append(real, key, value, lengths)).rejects.toMatchObject({ code: "ERR_OPTION" });
      return;
    }
    await this.append(real, key, value, lengths);
    model.append(key, value, lengths);
  }

  async append(real: KVCache, key: FloatTensor, value: FloatTensor, lengths: number[]): Promise<void> {
    real.append(key, value, { lengths });
  }
}

class AppendAsync extends Append {
  override append(real: KVCache, key: FloatTensor, value: FloatTensor, lengths: number[]): Promise<void> {
    return real.appendAsync(key, value, { lengths });
  }
}

class AppendAborted extends Append {
  override async change({ engine }: World, { real, model }: Pair): Promise<void> {
    const shape = (size: number) => [model.entries.length, K, 1, size];
    const controller = new AbortController();
    const made = real.appendAsync(normal(shape(E), 1), normal(shape(V), 2), { signal: controller.signal });
    controller.abort("enough");
    await expect(made).rejects.toSatisfy((reason) => reason === "enough" || !model.fits([1]));
    expect(engine.info().running).toBe(0);
  }

  override check({ pairs }: { pairs: readonly Pair[] }): boolean {
    return super.check({ pairs }) && pairs[this.n % pairs.length]!.model.lengths.every((n) => n < 300);
  }
}

class Truncate extends Command {
  change(_: World, { real, model }: Pair): void {
    // Mostly a few tokens, now and then all of them, and sometimes more than there are.
    const lengths = model.lengths.map((length, b) => {
      const cut = this.counts[b % this.counts.length]!;
      return this.seed % 10 === 0 ? length + cut - 2 : Math.max(0, length - cut);
    });
    if (lengths.some((length) => length < 0) || !model.canTruncate(lengths)) {
      expect(refusal(() => real.truncate(lengths))[0]).toBe("ERR_OPTION");
      return;
    }
    real.truncate(lengths);
    model.truncate(lengths);
  }
}

class Fork extends Command {
  override check({ pairs }: { pairs: readonly Pair[] }): boolean {
    return pairs.length > 0 && pairs.length < MOST_CACHES;
  }

  change(world: World, { real, model }: Pair): void {
    const order = this.counts.map((n) => n % model.entries.length);
    world.pairs.push({ real: real.fork(order), model: model.fork(order) });
  }
}

/** What a beam search does: the beams in another order, and the old ones are gone. */
class Reorder extends Command {
  change(world: World, pair: Pair): void {
    const order = pair.model.entries.map((_, b) => (this.seed + b * this.n) % pair.model.entries.length);
    world.pairs.push({ real: pair.real.fork(order), model: pair.model.fork(order) });
    world.remove(pair);
  }
}

class Make extends Command {
  override check({ pairs }: { pairs: readonly Pair[] }): boolean {
    return pairs.length < MOST_CACHES;
  }

  change(world: World): void {
    world.make(1 + (this.n % 3));
  }

  override async run(world: World): Promise<void> {
    this.change(world);
    world.expectTrue();
  }
}

class Dispose extends Command {
  change(world: World, pair: Pair): void {
    world.remove(pair);
  }
}

/** Rounding of float32 in results of magnitude 1 or so: outputs are means of values that hardly pass 3.5. */
const rounding = { absolute: 2e-6, relative: 2e-6 };

/** The attention that is asked for, and what must come of it. */
function attention({ n, seed }: Command, world: World, { real, model }: Pair) {
  const L = 1 + (n % 3);
  const query = normal([model.entries.length, H, L, E], seed);
  const queries = model.queries(L);
  const offsets = model.lengths.map((length, b) => length - queries[b]!);
  // More queries than the tokens that they are to be: nobody knows where they stand.
  const tooMany = model.lengths.some((length, b) => length > 0 && length < queries[b]!);
  const window = world.format.window;
  const options = { causal: true, returnLogSumExp: true } as const;
  const plain = {
    causal: true,
    queryOffset: offsets,
    kvLengths: model.lengths,
    ...(window !== undefined && { window: [window - 1, -1] as const }),
  };
  const { key, value } = model.plain();
  const looksBack = offsets.some((offset, b) => {
    const dropped = model.dropped[b]!;
    return dropped > 0 && offset - (window! - 1) < dropped;
  });
  const verify = async (result: ReturnType<Engine["scaledDotProductAttention"]>): Promise<void> => {
    if (tooMany) {
      await expect(result).rejects.toMatchObject({ code: "ERR_SHAPE" });
      return;
    }
    if (looksBack) {
      await expect(result).rejects.toMatchObject({ code: "ERR_OPTION" });
      return;
    }
    const actual = await result;
    const exact = exactAttention(query, key, value, plain);
    const same = world.engine.scaledDotProductAttentionSync(query, key, value, {
      ...plain,
      returnLogSumExp: true,
    });
    for (const name of ["output", "logSumExp"] as const) {
      expectAccurate(actual[name]!, exact[name], rounding, name);
      expectSameBits(actual[name]!.data, same[name]!.data, name);
    }
  };
  return {
    sync: async () => real.engine.scaledDotProductAttentionSync(query, real, options),
    async: () => real.engine.scaledDotProductAttention(query, real, options),
    verify,
  };
}

class Attend extends Command {
  async change(world: World, pair: Pair): Promise<void> {
    const { sync, async, verify } = attention(this, world, pair);
    await verify(this.seed % 2 === 0 ? sync() : async());
  }
}

/** An attention in flight sees what was there when it was called, whatever becomes of the cache meanwhile. */
class AttendMeanwhile extends Command {
  async change(world: World, pair: Pair): Promise<void> {
    const { async, verify } = attention(this, world, pair);
    const result = verify(async());
    const { real, model } = pair;
    if (this.seed % 3 === 0) world.remove(pair);
    else {
      const lengths = model.lengths.map((length) => Math.max(0, length - (this.seed % 7)));
      if (model.canTruncate(lengths)) {
        real.truncate(lengths);
        model.truncate(lengths);
      }
      await new Append(this).change(world, pair);
    }
    await result;
  }
}

/** A fork of a cache whose next tokens are on their way does not have them; whoever appends next, none writes over another. */
class ForkMeanwhile extends Command {
  override check({ pairs }: { pairs: readonly Pair[] }): boolean {
    return pairs.length > 0 && pairs.length < MOST_CACHES;
  }

  async change(world: World, pair: Pair): Promise<void> {
    const { real, model } = pair;
    const lengths = this.each(pair);
    if (!model.fits(lengths)) return;
    const n = Math.max(...lengths);
    const key = normal([model.entries.length, K, n, E], this.seed);
    const value = normal([model.entries.length, K, n, V], this.seed + 1);
    const order = model.entries.map((_, b) => (this.seed + b) % model.entries.length);
    const appended = real.appendAsync(key, value, { lengths });
    const forked = real.fork(order);
    const lost = this.seed % 2 === 0;
    const fork = {
      real: forked,
      model: model.fork(order, lost ? undefined : () => model.append(key, value, lengths)),
    };
    world.pairs.push(fork);
    if (lost) world.remove(pair);
    await new Append({ ...this, seed: this.seed + 7 }).change(world, fork);
    await appended;
    await new Attend({ ...this, n: 0 }).change(world, fork);
    if (!lost) await new Attend({ ...this, n: 0 }).change(world, pair);
  }
}

const drawn = fc.record({
  n: fc.nat(1000),
  seed: fc.nat(1e6),
  counts: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.nat(6) },
      { weight: 2, arbitrary: fc.nat(70) },
      { weight: 1, arbitrary: fc.constantFrom(0, 59, 60, 61, 120) },
    ),
    { minLength: 1, maxLength: 4 },
  ),
});
const of = (
  Kind: new (drawing: { n: number; seed: number; counts: readonly number[] }) => Command,
  weight: number,
) => new Array(weight).fill(drawn.map((drawing) => new Kind(drawing)));
const commands = fc.commands<{ pairs: Pair[] }, World, true>(
  [
    ...of(Append, 5),
    ...of(AppendAsync, 3),
    ...of(AppendAborted, 1),
    ...of(Truncate, 3),
    ...of(Fork, 3),
    ...of(Reorder, 2),
    ...of(Make, 1),
    ...of(Dispose, 1),
    ...of(Attend, 3),
    ...of(AttendMeanwhile, 2),
    ...of(ForkMeanwhile, 2),
  ] as never,
  { maxCommands: COMMANDS, size: "max" },
);

const types: CacheType[] = ["float32", "bfloat16", "int8"];

forEachEngine((_, engine) => {
  describe.each(types)("%s", (dtype) => {
    it.each([undefined, 1, 50, 75])("window: %s", async (window) => {
      await fc.assert(
        fc.asyncProperty(commands, async (history) => {
          const world = new World(engine(), { ...sizes, dtype, window });
          world.make(2);
          try {
            await fc.asyncModelRun(() => ({ model: world, real: world }), history as never);
          } finally {
            for (const { real } of world.pairs) real.dispose();
          }
          expect(engine().info().memory.used).toBe(0);
        }),
        { numRuns: RUNS, seed: SEED },
      );
    });
  });
});
