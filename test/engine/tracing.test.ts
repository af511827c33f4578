/** What Node's diagnostics channels show of calls. */
import { tracingChannel } from "node:diagnostics_channel";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CallTrace, createEngine, MultiHeadAttention } from "wasm-attention";
import { forEachEngine } from "../support/backends.ts";
import { normal } from "../support/random-tensors.ts";

const events = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
const channel = tracingChannel<unknown, CallTrace>("wasm-attention:call");

let seen: { readonly event: (typeof events)[number]; readonly call: CallTrace }[] = [];
const subscribers = Object.fromEntries(
  events.map((event) => [event, (call: unknown) => seen.push({ event, call: call as CallTrace })]),
) as unknown as Parameters<typeof channel.subscribe>[0];

describe("calls are shown to a tracer", () => {
  const x = normal([2, 9, 8], 1);

  beforeEach(() => {
    seen = [];
    channel.subscribe(subscribers);
  });
  afterEach(() => channel.unsubscribe(subscribers));

  const names = () => seen.map(({ event }) => event);

  forEachEngine((_, engine) => {
    // The trial of the wide kernels makes calls as well.
    beforeAll(() => void engine());

    it("synchronous ones", () => {
      const result = engine().scaledDotProductAttentionSync(x, x, x);
      expect(names()).toEqual(["start", "end"]);
      const { call } = seen[1]!;
      expect(call).toBe(seen[0]!.call);
      expect(call).toMatchObject({
        name: "scaledDotProductAttention",
        mode: "sync",
        flops: 4 * 2 * 9 * 9 * 8,
      });
      expect(call.result).toBe(result);
    });

    it("asynchronous ones, with the time they waited", async () => {
      const result = await engine().softmax(x);
      expect(names()).toEqual(["start", "end", "asyncStart", "asyncEnd"]);
      const { call } = seen[3]!;
      expect(call).toMatchObject({ name: "softmax", mode: "async", waited: expect.any(Number) });
      expect(call.result).toBe(result);
    });

    it("those that are stopped, with the reason", async () => {
      const controller = new AbortController();
      const { signal } = controller;
      const long = normal([4, 1500, 64], 2);
      const call = engine().scaledDotProductAttention(long, long, long, { signal });
      const rejected = expect(call).rejects.toBe("enough");
      setImmediate(() => controller.abort("enough"));
      await rejected;
      expect(names()).toEqual(["start", "end", "error", "asyncStart", "asyncEnd"]);
      expect(seen[2]!.call.error).toBe("enough");
    });

    it("not those whose arguments are refused", async () => {
      expect(() => engine().softmaxSync({ data: x.data, shape: [3] })).toThrow();
      await expect(engine().softmax({ data: x.data, shape: [3] })).rejects.toThrow();
      expect(seen).toEqual([]);
    });
  });

  it("not those that warm up, nor the packing of weights", async () => {
    await using engine = createEngine({ threads: 1 });
    await engine.warmUp();
    using layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, engine });
    layer.forwardSync(x);
    await layer.forward(x);
    expect(seen.filter(({ event }) => event === "start").map(({ call }) => call.name)).toEqual([
      "MultiHeadAttention",
      "MultiHeadAttention",
    ]);
  });

  it("layers", async () => {
    await using engine = createEngine({ threads: 1 });
    using layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, engine });
    seen = [];
    await layer.forward(x);
    expect(seen.at(-1)).toMatchObject({
      event: "asyncEnd",
      call: { name: "MultiHeadAttention", mode: "async" },
    });
  });
});
