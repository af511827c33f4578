/** A layer's weights are packed when the first pass needs them: off the event loop, once, and not for nothing. */
import { describe, expect, it } from "vitest";
import { createEngine, KVCache, MultiHeadAttention, tensor } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { engineChoices } from "../support/backends.ts";
import { normal } from "../support/random-tensors.ts";

const sizes = { embedDim: 96, numHeads: 4, seed: 3 };
const input = () => {
  const { data, shape } = normal([1, 5, 96], 7);
  return tensor(data, shape);
};

describe.each(engineChoices)("the first pass, $name", ({ kernels, threads }) => {
  const open = () => createEngine({ kernels, threads });
  const expected = async () => {
    await using engine = open();
    using layer = new MultiHeadAttention({ ...sizes, engine });
    return layer.forwardSync(input()).output.data;
  };

  it("has read its input when it returns", async () => {
    await using engine = open();
    using layer = new MultiHeadAttention({ ...sizes, engine });
    const x = input();
    const pass = layer.forward(x);
    x.data.fill(Number.NaN);
    expectSameBits((await pass).output.data, await expected(), "output");
  });

  it("shares the packing with those that come meanwhile, synchronous ones too", async () => {
    await using engine = open();
    const right = await expected();
    const layer = new MultiHeadAttention({ ...sizes, engine });
    const passes = [layer.forward(input()), layer.forward(input())];
    const used = () => engine.info().memory.used;
    expectSameBits(layer.forwardSync(input()).output.data, right, "sync");
    for (const { output } of await Promise.all(passes)) expectSameBits(output.data, right, "async");
    const weights = used();
    expectSameBits((await layer.forward(input())).output.data, right, "the next");
    expect(used()).toBe(weights);
    layer.dispose();
    expect(used()).toBe(0);
  });

  it("keeps a tensor of the engine that is disposed meanwhile, and its place while memory grows", async () => {
    await using engine = open();
    using layer = new MultiHeadAttention({ ...sizes, engine });
    const x = engine.tensor([1, 5, 96]);
    x.data.set(input().data);
    const pass = layer.forward(x);
    x.dispose();
    using other = engine.tensor([1024, 1024]);
    other.data.fill(1);
    expectSameBits((await pass).output.data, await expected(), "output");
  });

  it("that is stopped leaves the layer well, and its cache as it was", async () => {
    await using engine = open();
    using layer = new MultiHeadAttention({ ...sizes, engine });
    using cache = new KVCache({ batch: 1, kvHeads: 4, headDim: 24, maxLength: 100, engine });
    const controller = new AbortController();
    const pass = layer.forward(input(), { cache, signal: controller.signal });
    controller.abort("not now");
    await expect(pass).rejects.toBe("not now");
    expect(cache.length).toBe(0);
    expectSameBits((await layer.forward(input())).output.data, await expected(), "output");
  });

  it("of a layer that is disposed meanwhile ends, one way or the other", async () => {
    await using engine = open();
    const layer = new MultiHeadAttention({ ...sizes, engine });
    const pass = layer.forward(input());
    layer.dispose();
    const [result] = await Promise.allSettled([pass]);
    if (result!.status === "fulfilled") expectSameBits(result!.value.output.data, await expected(), "output");
    else expect(result!.reason).toMatchObject({ code: "ERR_DISPOSED" });
    expect(engine.info().memory.used).toBe(0);
  });

  it("for which there is no memory takes none", async () => {
    await using engine = createEngine({ kernels, threads, maxMemory: 4 * 96 * 96 * 4 + 2000 });
    using layer = new MultiHeadAttention({ ...sizes, engine });
    await expect(layer.forward(input())).rejects.toMatchObject({ code: "ERR_MEMORY" });
    expect(() => layer.forwardSync(input())).toThrow(expect.objectContaining({ code: "ERR_MEMORY" }));
    expect(engine.info().memory.used).toBe(0);
  });
});
