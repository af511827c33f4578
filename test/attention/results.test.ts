/** What comes back, and where it goes: `out`, weights and logSumExp on request, sizes of 0. */
import { describe, expect, it } from "vitest";
import { type AttentionOptions, type Tensor, tensor } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import {
  attentionInputs,
  attentionProblem,
  expectAttention,
  type Sizes,
  solve,
} from "../support/attention-problem.ts";
import { forEachBackend, forEachEngine } from "../support/backends.ts";
import type { FloatTensor } from "../support/random-tensors.ts";

const full = { B: 2, H: 4, K: 2, L: 3, S: 5, E: 6, V: 7 };
const empties: Sizes[] = [
  { ...full, B: 0 },
  { ...full, H: 0, K: 0 },
  { ...full, H: 0, K: 2 },
  { ...full, L: 0 },
  { ...full, S: 0 },
  { ...full, E: 0 },
  { ...full, V: 0 },
  { ...full, E: 0, V: 0 },
  { ...full, S: 0, L: 0 },
];
const emptyProblems = empties.map((sizes) => ({
  name: Object.entries(sizes)
    .filter(([, size]) => size === 0)
    .map(([letter]) => `${letter} = 0`)
    .join(", "),
  problems: [
    attentionProblem(sizes),
    attentionProblem(sizes, { causal: "bottom-right", layout: "BLHE", window: [1, 1] }),
  ],
}));

describe("nothing to compute", () => {
  forEachBackend((backend) => {
    for (const { name, problems } of emptyProblems)
      it(name, async () => {
        for (const problem of problems) {
          const { output, logSumExp, weights } = await expectAttention(backend, problem);
          const { exact } = solve(problem);
          expect(output.shape).toEqual(exact.output.shape);
          expect(logSumExp!.shape).toEqual(exact.logSumExp.shape);
          expect(weights!.shape).toEqual(exact.weights.shape);
        }
      });

    it("without keys: zeros, and logSumExp -infinity", async () => {
      const { query, key, value } = attentionInputs({ ...full, S: 0 });
      const { output, logSumExp } = await backend.scaledDotProductAttention(query, key, value, {
        returnLogSumExp: true,
      });
      expect([...output.data]).toEqual(new Array(2 * 4 * 3 * 7).fill(0));
      expect([...logSumExp!.data]).toEqual(new Array(2 * 4 * 3).fill(-Infinity));
    });
  });
});

describe("what is returned", () => {
  const { query, key, value } = attentionInputs({ B: 2, H: 4, K: 2, L: 19, S: 130, E: 16, V: 11 });

  forEachBackend((backend) => {
    it("is the output, and what is asked for", async () => {
      const keys = async (options: Pick<AttentionOptions, "returnWeights" | "returnLogSumExp">) =>
        Object.keys(await backend.scaledDotProductAttention(query, key, value, options)).sort();
      expect(await keys({})).toEqual(["output"]);
      expect(await keys({ returnWeights: true })).toEqual(["output", "weights"]);
      expect(await keys({ returnLogSumExp: true })).toEqual(["logSumExp", "output"]);
      expect(await keys({ returnWeights: false, returnLogSumExp: false })).toEqual(["output"]);
    });

    it("does not change with what else is asked for", async () => {
      const options = { causal: true, queryOffset: 100 };
      const alone = await backend.scaledDotProductAttention(query, key, value, options);
      const all = await backend.scaledDotProductAttention(query, key, value, {
        ...options,
        returnWeights: true,
        returnLogSumExp: true,
      });
      expectSameBits(all.output.data, alone.output.data, "output");
    });

    it("lies in a buffer of its own", async () => {
      const all = { returnWeights: true, returnLogSumExp: true };
      const result = await backend.scaledDotProductAttention(query, key, value, all);
      for (const { data } of [result.output, result.logSumExp!, result.weights!]) {
        expect(data.buffer).toBeInstanceOf(ArrayBuffer);
        expect(data.byteOffset).toBe(0);
        expect(data.buffer.byteLength).toBe(data.byteLength);
        const before = data.slice();
        expect(structuredClone(data, { transfer: [data.buffer as ArrayBuffer] })).toEqual(before);
        expect(data).toHaveLength(0);
      }
    });
  });
});

describe("inputs and outputs where they are", () => {
  const inputs = attentionInputs({ B: 2, H: 4, K: 2, L: 19, S: 130, E: 16, V: 11 });
  const { query, key, value } = inputs;
  const options = { causal: "bottom-right" } as const;

  forEachEngine((_, engine) => {
    const attendBoth = async (
      q: FloatTensor | Tensor,
      k: FloatTensor | Tensor,
      v: FloatTensor | Tensor,
      out: Tensor,
    ) => {
      const sync = engine().scaledDotProductAttentionSync(q, k, v, { ...options, out });
      expect(sync.output).toBe(out);
      const first = out.data.slice();
      out.data.fill(7);
      const { output } = await engine().scaledDotProductAttention(q, k, v, { ...options, out });
      expect(output).toBe(out);
      expectSameBits(out.data, first, "async against sync");
      return first;
    };
    const expected = () => engine().scaledDotProductAttentionSync(query, key, value, options).output;
    const inEngine = ({ data, shape }: FloatTensor) => {
      const made = engine().tensor(shape);
      made.data.set(data);
      return made;
    };

    it("plain out", async () => {
      const out = tensor(new Float32Array(2 * 4 * 19 * 11).fill(7), [2, 4, 19, 11]);
      expectSameBits(await attendBoth(query, key, value, out), expected().data, "output");
    });

    it("plain out that is no Tensor, and a part of a larger array", async () => {
      const whole = new Float32Array(2 * 4 * 19 * 11 + 20).fill(7);
      const out = { data: whole.subarray(10, whole.length - 10), dims: [2, 4, 19, 11] };
      const { output } = engine().scaledDotProductAttentionSync(query, key, value, { ...options, out });
      expect(output.data).toBe(out.data);
      expect(output.shape).toEqual([2, 4, 19, 11]);
      expectSameBits(out.data, expected().data, "output");
      expect([...whole.subarray(0, 10), ...whole.subarray(-10)]).toEqual(new Array(20).fill(7));
    });

    it("tensors of the engine, in and out", async () => {
      using q = inEngine(query);
      using k = inEngine(key);
      using v = inEngine(value);
      using out = engine().tensor([2, 4, 19, 11]);
      expectSameBits(await attendBoth(q, k, v, out), expected().data, "output");
      expectSameBits(q.data, query.data, "the query afterwards");
      expectSameBits(k.data, key.data, "the key afterwards");
      expectSameBits(v.data, value.data, "the value afterwards");
    });

    it("one of each", async () => {
      using k = inEngine(key);
      using out = engine().tensor([2, 4, 19, 11]);
      expectSameBits(await attendBoth(query, k, value, out), expected().data, "output");
      const plain = tensor(new Float32Array(2 * 4 * 19 * 11), [2, 4, 19, 11]);
      expectSameBits(await attendBoth(query, k, value, plain), expected().data, "output");
    });

    it("one tensor as query, key and value", async () => {
      const x = attentionInputs({ B: 1, H: 2, L: 70, S: 70, E: 8 }).query;
      using resident = inEngine(x);
      const plain = engine().scaledDotProductAttentionSync(x, x, x).output.data;
      const { output } = await engine().scaledDotProductAttention(resident, resident, resident);
      expectSameBits(output.data, plain, "output");
    });

    it("a bias and a mask of the engine", async () => {
      const bias = attentionInputs({ L: 19, S: 1, E: 130 }).query;
      using resident = inEngine({ data: bias.data, shape: [19, 130] });
      const plain = { data: bias.data, shape: [19, 130] };
      const expectedOutput = engine().scaledDotProductAttentionSync(query, key, value, {
        bias: plain,
      }).output;
      const { output } = await engine().scaledDotProductAttention(query, key, value, { bias: resident });
      expectSameBits(output.data, expectedOutput.data, "output");
    });
  });
});
