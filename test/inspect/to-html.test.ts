/** Pages: what stands in them, against the weights that they were made of. */
import { setImmediate as immediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { type AttentionError, type TensorLike, tensor } from "wasm-attention";
import { type AttentionLayer, type HtmlOptions, toHtml } from "wasm-attention/inspect";
import { digitsPerByte, packDigits, unpackDigits } from "../../src/inspect/page/levels.ts";
import { madeWeights } from "./made-weights.ts";
import { dataOf, elementOf, inflateElement, readHead } from "./page.ts";
import { plainStatistics } from "./plain-statistics.ts";

const shapes = [
  { name: "causal, square", sizes: [6, 40, 40], causal: true },
  { name: "more keys than queries", sizes: [6, 9, 70], causal: false },
  { name: "more queries than keys", sizes: [6, 70, 9], causal: false },
  { name: "one token", sizes: [1, 1, 1], causal: false },
] as const;

describe("what a page holds", () => {
  describe.each(shapes)("$name", ({ sizes, causal }) => {
    const [H, L, S] = sizes;
    const { data, shape } = madeWeights(sizes, { causal });
    const pages = [14_000_000, 100_000].map((maxBytes) => ({ maxBytes }));

    it.each(pages)("weights between the bounds that it states, of %o", async ({ maxBytes }) => {
      const html = await toHtml({ weights: { data, shape } }, { maxBytes: maxBytes + 100_000 });
      expect(Buffer.byteLength(html)).toBeLessThanOrEqual(maxBytes + 100_000);
      for (let h = 0; h < H; h++) {
        const { facts, weights, least, most } = readHead(html, 0, h);
        for (let n = 0; n < L * S; n++) {
          const weight = data[h * L * S + n]!;
          // What is exact is stored as float32; bounds lose the last bits of a float64 computation of roots.
          const slack = 1e-6 * weight;
          expect(weight).toBeGreaterThanOrEqual(least[n]! - slack);
          expect(weight).toBeLessThanOrEqual(most[n]! + slack);
          expect(weights[n]).toBeGreaterThanOrEqual(least[n]!);
          expect(weights[n]).toBeLessThanOrEqual(most[n]!);
        }
        // With room for everything nothing is rounded.
        if (maxBytes > 1e6)
          expect(weights).toEqual(Float64Array.from(data.subarray(h * L * S, (h + 1) * L * S)));
        const largest = Math.max(...data.subarray(h * L * S, (h + 1) * L * S));
        expect(facts.largest).toBe(largest);
        expect(facts.hasNaN).toBe(false);
      }
    });

    it("figures of the weights themselves", async () => {
      const html = await toHtml({ weights: { data, shape } }, { queryOffset: 3 });
      const { topK } = dataOf(html);
      const plain = plainStatistics({ data, shape: [1, ...shape] }, { topK, offsets: [3], round: (x) => x });
      const near = (found: ArrayLike<number>, expected: readonly number[]) => {
        expect(found.length).toBe(expected.length);
        expected.forEach((value, n) => {
          expect(Math.abs(found[n]! - value)).toBeLessThanOrEqual(2e-6 * (1 + Math.abs(value)));
        });
      };
      for (let h = 0; h < H; h++) {
        const { facts, record } = readHead(html, 0, h);
        const part = <T>(list: readonly T[]): T[] =>
          list.slice((h * list.length) / H, ((h + 1) * list.length) / H);
        near(record.entropy, part(plain.entropy));
        near(record.keyMass, part(plain.keyMass));
        expect([...record.topWeights]).toEqual(part(plain.topWeights));
        near(facts.distanceHistogram as number[], part(plain.distanceHistogram));
        near([facts.meanDistance!], part(plain.meanDistance));
        near([facts.entropy!], [part(plain.entropy).reduce((sum, x) => sum + x, 0) / L]);
      }
    });
  });

  it("rows without keys, and NaN where it is", async () => {
    const { NaN: nan } = Number;
    const weights = tensor([0, 0, 0, nan, 0.25, 0.5, nan, nan, nan, 0.5, 0.5, 0], [1, 4, 3]);
    const html = await toHtml({ weights });
    const { facts, record, weights: read } = readHead(html, 0, 0);
    expect([...read]).toEqual([...weights.data]);
    expect([...record.entropy]).toEqual([0, nan, nan, Math.fround(Math.LN2)]);
    expect(facts).toMatchObject({ entropy: null, meanDistance: null, hasNaN: true, largest: 0.5 });
  });

  it("small pictures, the mean of blocks of cells", async () => {
    const [L, S] = [48, 60];
    const weights = new Float32Array(L * S);
    weights.fill(0.5, 0, 2 * S); // the first row of blocks
    weights[47 * S + 59] = 0.25;
    const bytes = inflateElement(await toHtml({ weights: { data: weights, shape: [L, S] } }), "thumbnails");
    expect(bytes.length).toBe(24 * 24);
    expect([...bytes.subarray(0, 24)]).toEqual(new Array(24).fill(255));
    // One weight of 0.25 in a block of two rows and two columns, the last: 60 columns are cut into 24 parts of two or three.
    expect(bytes.at(-1)).toBe(Math.round(255 * Math.sqrt(0.25 / 4 / 0.5)));
    expect(bytes.subarray(24, -1).every((byte) => byte === 0)).toBe(true);
  });

  it("the entry of a batch that is asked for, and matrices without heads", async () => {
    const { data, shape } = madeWeights([4, 5, 5]);
    const batch = { data, shape: [2, 2, 5, 5] };
    const second = await toHtml({ weights: batch }, { batch: 1 });
    const alone = await toHtml({ weights: { data: data.slice(50), shape: [2, ...shape.slice(1)] } });
    expect(elementOf(second, "head-0-1")).toBe(elementOf(alone, "head-0-1"));
    const matrix = await toHtml({ weights: { data: data.slice(75), shape: [5, 5] } });
    expect(elementOf(matrix, "head-0-0")).toBe(elementOf(alone, "head-0-1"));
  });

  it("weights themselves in place of a layer, also of 64 bits and with dims", async () => {
    const { data, shape } = madeWeights([2, 5, 5]);
    const html = await toHtml({ weights: { data, shape } });
    expect(await toHtml({ data, dims: shape })).toBe(html);
    expect(await toHtml([tensor(data, shape)])).toBe(html);
    expect(await toHtml({ data: Float64Array.from(data), shape })).toBe(html);
    expect(dataOf(html).layers[0]!.name).toBeNull();
  });

  it("layers that are made when they are wanted, one at a time", async () => {
    const made: number[] = [];
    const layer = (n: number) => madeWeights([2, 6, 6], { seed: n });
    const lazy = [0, 1, 2].map((n) => ({
      name: `block ${n}`,
      weights: async () => {
        made.push(n);
        return layer(n);
      },
    }));
    const html = await toHtml(lazy);
    expect(made).toEqual([0, 1, 2]);
    const eager = await toHtml([0, 1, 2].map((n) => ({ name: `block ${n}`, weights: layer(n) })));
    expect(html).toBe(eager);
    expect(dataOf(html).layers.map(({ name }) => name)).toEqual(["block 0", "block 1", "block 2"]);
  });

  it("layers that are gone when the next one is made", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const made: WeakRef<ArrayBufferLike>[] = [];
    const there: number[] = [];
    const lazy = [0, 1, 2, 3].map((n) => ({
      weights: async () => {
        await immediate();
        collect();
        there.push(made.filter((layer) => layer.deref() !== undefined).length);
        const weights = madeWeights([2, 64, 64], { seed: n });
        made.push(new WeakRef(weights.data.buffer));
        return weights;
      },
    }));
    await toHtml(lazy);
    expect(there).toEqual([0, 0, 0, 0]);
  });
});

describe("levels", () => {
  it("come out of bytes as they went in", () => {
    for (const values of [2, 3, 4, 5, 6, 7, 16, 17, 255, 256]) {
      const digits = Uint8Array.from({ length: 101 }, (_, n) => (n * n + 3) % values);
      const packed = new Uint8Array(Math.ceil(101 / digitsPerByte(values)));
      packDigits(digits, values, packed);
      const again = new Uint8Array(101);
      unpackDigits(packed, values, again);
      expect(again).toEqual(digits);
    }
  });

  it("leave room for names, however they are written", async () => {
    const weights = madeWeights([1, 128, 128], { only: ["diffuse"] });
    const layers = [0, 1].map((n) => ({ weights, name: `${n}${"<".repeat(20_000)}` }));
    const html = await toHtml(layers, { maxBytes: 360_000 });
    expect(Buffer.byteLength(html)).toBeLessThanOrEqual(360_000);
    const [first, last] = [0, 1].map((layer) => readHead(html, layer, 0).facts.levels);
    expect(last! / first!).toBeGreaterThan(0.5);
  });

  it("are as many as there is room for", async () => {
    const weights = madeWeights([2, 256, 256], { only: ["diffuse"] });
    let before = 0;
    for (const room of [50_000, 80_000, 120_000, 400_000]) {
      const html = await toHtml({ weights }, { maxBytes: 100_000 + room });
      expect(Buffer.byteLength(html)).toBeLessThanOrEqual(100_000 + room);
      const { levels } = readHead(html, 0, 0).facts;
      expect(levels).toBeGreaterThan(before);
      before = levels!;
    }
    expect(before).toBe(254);
  });

  it("are none where all weights fit, of small and of large heads", async () => {
    const [H, L] = [2, 256];
    for (const only of ["diffuse", "peaked"] as const) {
      const weights = madeWeights([H, L, L], { only: [only] });
      const html = await toHtml({ weights }, { maxBytes: 1_000_000 });
      expect(Buffer.byteLength(html)).toBeLessThanOrEqual(1_000_000);
      for (let h = 0; h < H; h++) {
        const { facts, weights: read } = readHead(html, 0, h);
        expect(facts.levels).toBeNull();
        expect(read.every((weight, n) => weight === weights.data[h * L * L + n])).toBe(true);
      }
    }
  });

  it("lift no weight above those of its row that are exact", async () => {
    const [L, S] = [40, 400];
    // Nearly alike: rounded, many would pass the exact ones.
    const data = Float32Array.from({ length: L * S }, (_, n) => (1 + 0.2 * Math.abs(Math.sin(n * n))) / S);
    const html = await toHtml({ data, shape: [L, S] }, { maxBytes: 100_000 + 4_000 });
    const { topK } = dataOf(html);
    const { facts, record, weights, least, most } = readHead(html, 0, 0);
    expect(facts.levels).toBeGreaterThan(0);
    for (let n = 0; n < L * S; n++) {
      const row = Math.floor(n / S);
      const exact = record.topKeys.subarray(row * topK, (row + 1) * topK).includes(n % S);
      if (!exact) expect(weights[n]).toBeLessThanOrEqual(record.topWeights[(row + 1) * topK - 1]!);
      expect(least[n]).toBeLessThanOrEqual(weights[n]!);
      expect(weights[n]).toBeLessThanOrEqual(most[n]!);
      expect(data[n]).toBeLessThanOrEqual(most[n]! * (1 + 1e-6));
    }
  });
});

describe("tokens are text", () => {
  const evil = [
    "</script><script>alert(1)</script>",
    "<!--",
    "&lt;b&gt;",
    "\"'`",
    "a\nb\r\t\0\u0085\u2028",
    "\u202egnp.exe",
    "\ud800",
    "שלום",
    "",
  ];
  const weights = madeWeights([1, evil.length, evil.length]);

  it("in the data, whole", async () => {
    const html = await toHtml({ weights, name: evil[0] }, { tokens: evil });
    expect(dataOf(html).queryTokens).toEqual(evil);
    expect(dataOf(html).keyTokens).toBeNull();
    expect(dataOf(html).layers[0]!.name).toBe(evil[0]);
    expect(html.match(/<script[ >]/g)).toHaveLength(4);
    expect(html).not.toContain("<!--");
  });

  it("in the title and description, escaped", async () => {
    const html = await toHtml({ weights }, { title: evil.join(" "), description: evil.join(" ") });
    expect(html.match(/<script[ >]/g)).toHaveLength(4);
    expect(html.match(/&lt;\/script&gt;/g)).toHaveLength(3 * 2);
    expect(html).toContain("&quot;'`");
    expect(html).not.toMatch(/[\0\u202e]/);
  });

  it("and a policy says that nothing is loaded", async () => {
    const html = await toHtml({ weights });
    const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)!;
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}=';/,
    );
    expect(policy).not.toContain("unsafe");
  });
});

describe("what does not fit", () => {
  const weights = madeWeights([2, 3, 4]);
  const layer = { weights };
  const words = (count: number) => Array.from({ length: count }, (_, n) => `w${n}`);
  const with_ = (change: object) => [layer, change as HtmlOptions] as const;

  it.each<[readonly [unknown, HtmlOptions?], string, string | RegExp]>([
    [[[]], "ERR_OPTION", '"layers" expected at least one layer, got none'],
    [[undefined], "ERR_OPTION", '"layers" expected a tensor or { weights, name? }, got undefined'],
    [[[layer, 3]], "ERR_OPTION", '"layers[1]" expected a tensor or { weights, name? }, got 3'],
    [[{ weights, name: 3 }], "ERR_OPTION", '"layers.name" expected a string, got 3'],
    [[{}], "ERR_DTYPE", '"layers.weights" expected a tensor { data, shape }, got undefined'],
    [
      [[layer, { weights, nam: "x" }]],
      "ERR_OPTION",
      '"nam" is no option here (did you mean "name"?); expected name, weights',
    ],
    [[{ weight: weights }], "ERR_OPTION", '"weight" is no option here (did you mean "weights"?)'],
    [[tensor([1], [1])], "ERR_SHAPE", '"layers" expected shape [H, L, S], [B, H, L, S] or [L, S], got [1]'],
    [
      [{ weights: tensor([1], [1]) }],
      "ERR_SHAPE",
      '"layers.weights" expected shape [H, L, S], [B, H, L, S] or [L, S], got [1]',
    ],
    [
      [{ weights: tensor([], [0, 2, 2]) }],
      "ERR_SHAPE",
      '"layers.weights" expected sizes from 1 on, and L and S up to 65535, got [0, 2, 2]',
    ],
    [
      [[layer, { weights: madeWeights([2, 4, 3]) }]],
      "ERR_SHAPE",
      '"layers[1].weights" expected L=3 and S=4, those of the first layer, got [2, 4, 3]',
    ],
    [
      [[layer, { weights: () => madeWeights([2, 4, 3]) }]],
      "ERR_SHAPE",
      '"layers[1].weights" expected L=3 and S=4, those of the first layer, got [2, 4, 3]',
    ],
    [with_({ tokens: words(3) }), "ERR_SHAPE", '"tokens" expected S=4 strings, one for each key, got 3'],
    [
      with_({ queryTokens: words(4) }),
      "ERR_SHAPE",
      '"queryTokens" expected L=3 strings, one for each query, got 4',
    ],
    [
      with_({ keyTokens: words(3) }),
      "ERR_SHAPE",
      '"keyTokens" expected S=4 strings, one for each key, got 3',
    ],
    [
      with_({ tokens: words(3), keyTokens: words(4) }),
      "ERR_OPTION",
      '"tokens" and "queryTokens" or "keyTokens" exclude each other',
    ],
    [with_({ tokens: ["a", 2, "c"] }), "ERR_OPTION", '"tokens" expected strings, got 2 in place 1'],
    [with_({ tokens: "abc" }), "ERR_OPTION", '"tokens" expected an array of strings, got "abc"'],
    [with_({ title: 3 }), "ERR_OPTION", '"title" expected a string, got 3'],
    [
      with_({ tokens: new Array(2 ** 32 - 1) }),
      "ERR_OPTION",
      '"tokens" expected at most 65535 strings, got 4294967295',
    ],
    [
      [new Array(2 ** 32 - 1)],
      "ERR_OPTION",
      '"layers[0]" expected a tensor or { weights, name? }, got undefined',
    ],
    [
      with_({ queryOffset: 2 ** 31 }),
      "ERR_OPTION",
      '"queryOffset" expected -1073741824 to 1073741824 where distances are measured, got 2147483648',
    ],
    [with_({ maxBytes: 1e9 }), "ERR_OPTION", '"maxBytes" expected at most 500000000, got 1000000000'],
    [with_({ batch: 1 }), "ERR_OPTION", '"batch" expected less than B=1 of "layers.weights", got 1'],
    [with_({ batch: 0.5 }), "ERR_OPTION", '"batch" expected a whole number of at least 0, got 0.5'],
    [
      with_({ token: [] }),
      "ERR_OPTION",
      '"token" is no option here (did you mean "tokens"?); expected tokens,',
    ],
    [
      with_({ maxBytes: 1000 }),
      "ERR_OPTION",
      /"maxBytes" expected some \d+ for these heads, rounded as far as they can be, got 1000/,
    ],
    [
      [{ weights: tensor([0.5, -0.5], [1, 1, 2]) }],
      "ERR_OPTION",
      '"layers.weights" expected weights, finite and at least 0, got -0.5 in head 0, row 0, key 1',
    ],
    [
      [{ weights: tensor([Infinity], [1, 1]) }],
      "ERR_OPTION",
      '"layers.weights" expected weights, finite and at least 0, got Infinity in head 0',
    ],
  ])("%#", async ([layers, options], code, message) => {
    const error = (await toHtml(layers as AttentionLayer, options).catch((error) => error)) as AttentionError;
    if (message instanceof RegExp) expect(error.message).toMatch(message);
    else expect(error.message).toContain(message);
    expect(error).toMatchObject({ name: "AttentionError", code });
  });

  it.each([
    { sizes: [2, 3, 4], layers: 1 },
    { sizes: [12, 40, 40], layers: 12 },
    { sizes: [3, 300, 300], layers: 2 },
  ] as const)("names a maxBytes that is enough: $layers times $sizes", async ({ sizes, layers }) => {
    const weights = madeWeights(sizes, { only: ["diffuse"] });
    const all = Array.from({ length: layers }, () => weights);
    const error = await toHtml(all, { maxBytes: 1 }).catch((error) => error);
    const maxBytes = Number(/expected some (\d+)/.exec(error.message)![1]);
    expect(Buffer.byteLength(await toHtml(all, { maxBytes }))).toBeLessThanOrEqual(maxBytes);
  });

  it("ends on an abort while the only layer is made", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const late: AttentionLayer = {
      weights: async () => {
        controller.abort(reason);
        return weights;
      },
    };
    await expect(toHtml(late, { signal: controller.signal })).rejects.toBe(reason);
  });

  it("ends on an abort, also between heads", async () => {
    const reason = new Error("enough");
    await expect(toHtml(layer, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    let taken = 0;
    const endless: AttentionLayer[] = Array.from({ length: 1000 }, () => ({
      weights: (): TensorLike => {
        if (++taken === 3) controller.abort(reason);
        return madeWeights([2, 64, 64]);
      },
    }));
    await expect(toHtml(endless, { signal: controller.signal })).rejects.toBe(reason);
    expect(taken).toBeLessThan(100);
  });
});
