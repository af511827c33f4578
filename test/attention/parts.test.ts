/**
 * Keys are taken in parts of 540. With few heads tiles share them and what they leave is joined, from 960 keys on; where
 * weights are asked for, one tile takes them all, so both ways are compared with the reference.
 */
import { describe, expect, it } from "vitest";
import { expectSameBits } from "../support/accuracy.ts";
import {
  type AttentionProblem,
  attentionProblem,
  expectAttention,
  ofRank,
} from "../support/attention-problem.ts";
import { forEachBackend, forEachEngine } from "../support/backends.ts";

const one = { L: 1, S: 2000, E: 16 };
const decode = { B: 2, H: 4, K: 1, L: 1, S: 1500, E: 40, V: 24 };
const draft = { H: 6, K: 2, L: 3, S: 1021, E: 33, V: 7 };
/** 6.8 MB of keys and values, more than is kept near, and groups of two panels of 8 queries. */
const far = { H: 12, K: 3, L: 3, S: 1100, E: 128 };
const farSlopes = Array.from({ length: 12 }, (_, head) => 2 ** -(head + 1));
const prompt = { L: 40, S: 5000, E: 8 };

const additive = { data: new Float32Array(1500).map((_, j) => (j < 700 ? -Infinity : 0)), shape: [1500] };
const boolean = { data: new Uint8Array(1500).map((_, j) => (j % 3 ? 1 : 0)), shape: [1500] };

const problems: [string, AttentionProblem][] = [
  ["one query", ofRank(2, attentionProblem(one))],
  ["grouped heads", attentionProblem(decode)],
  ["several new queries, causal", attentionProblem(draft, { causal: "bottom-right" })],
  ["many queries, causal from the top", attentionProblem(prompt, { causal: true })],
  ["tokens first", attentionProblem(decode, { layout: "BLHE" })],
  ["sinks, which one part has for all", attentionProblem(decode, { sinks: [0.5, 3, -1, -Infinity] })],
  ["parts without keys", attentionProblem(decode, { kvLengths: [1500, 3] })],
  ["no keys at all", attentionProblem(decode, { kvLengths: [0, 1500], sinks: [1, 2, 3, 4] })],
  ["parts that an additive mask empties", attentionProblem(decode, { mask: additive })],
  ["a boolean mask", attentionProblem(decode, { mask: boolean })],
  ["ALiBi", attentionProblem(decode, { alibiSlopes: [0.5, 0.25, 0.1, 0], queryOffset: "bottom-right" })],
  ["far keys", attentionProblem({ ...far, B: 2 }, { causal: "bottom-right" })],
  ["far keys, ALiBi", attentionProblem({ ...far, B: 2 }, { alibiSlopes: farSlopes })],
  ["large scores", attentionProblem(decode, { scale: 3000 })],
  ["a soft cap", attentionProblem(decode, { softcap: 2 })],
];

describe("keys shared among tiles", () => {
  forEachBackend((backend) => {
    for (const [name, problem] of problems)
      it(name, async () => {
        const { query, key, value, options } = problem;
        const whole = await expectAttention(backend, problem, ["output", "logSumExp"]);
        const what = { ...options, returnLogSumExp: true };
        const shared = await backend.scaledDotProductAttention(query, key, value, what);
        expectSameBits(shared.output.data, whole.output.data, "output");
        expectSameBits(shared.logSumExp!.data, whole.logSumExp!.data, "logSumExp");
      });

    it("without logSumExp and without a part's worth of keys", async () => {
      await expectAttention(backend, problems[1]![1]);
      await expectAttention(backend, attentionProblem({ ...one, S: 959 }));
    });
  });
});

describe("the cut into parts", () => {
  forEachEngine((_, engine) => {
    it("is the shape's: sync and async have the same bits", async () => {
      const { query, key, value, options } = attentionProblem(decode, { returnLogSumExp: true });
      const sync = engine().scaledDotProductAttentionSync(query, key, value, options);
      const async = await engine().scaledDotProductAttention(query, key, value, options);
      expectSameBits(sync.output.data, async.output.data, "output");
      expectSameBits(sync.logSumExp!.data, async.logSumExp!.data, "logSumExp");
    });

    it("is an entry's own: what else is in the batch changes no bit", () => {
      const { query, key, value } = attentionProblem(decode);
      const both = engine().scaledDotProductAttentionSync(query, key, value, { kvLengths: [1500, 1100] });
      const [B, S, E, V] = [2, decode.S, decode.E, decode.V];
      for (const [b, length] of [1500, 1100].entries()) {
        const cut = (x: typeof key, size: number, rows: number) => ({
          data: x.data.slice((b * x.data.length) / B, (b * x.data.length) / B + rows * size),
          shape: [1, x.shape[1]!, rows / x.shape[1]!, size],
        });
        const alone = engine().scaledDotProductAttentionSync(
          cut(query, E, decode.H),
          cut(key, E, length),
          cut(value, V, length),
        );
        const size = both.output.data.length / B;
        expectSameBits(
          alone.output.data,
          both.output.data.slice(b * size, (b + 1) * size),
          `entry ${b} of ${S}`,
        );
      }
    });

    it.each([0, 700, 1999])("NaN in key %i reaches the result, whatever part it is in", (j) => {
      const { query, key, value } = ofRank(2, attentionProblem(one));
      const dirty = { ...key, data: key.data.slice() };
      dirty.data[j * one.E] = Number.NaN;
      const { output } = engine().scaledDotProductAttentionSync(query, dirty, value);
      expect(output.data.every(Number.isNaN)).toBe(true);
    });

    it("a part whose keys are all NaN does not pass for one without keys", () => {
      const { query, key, value } = ofRank(2, attentionProblem(one));
      const dirty = { ...key, data: key.data.slice().fill(Number.NaN, 0, 500 * one.E) };
      const { output } = engine().scaledDotProductAttentionSync(query, dirty, value);
      expect(output.data.every(Number.isNaN)).toBe(true);
    });
  });
});
