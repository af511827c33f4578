/** POST /pool: right answers in both forms, and what is refused. */
import { describe, expect, test } from "vitest";
import * as reference from "wasm-attention/reference";
import { isClose, random } from "../load/numbers.ts";
import type { WireTensor } from "../src/tensors.ts";
import { backends, startService } from "./service.ts";

const query = random([2, 16], 1);
const candidates = random([9, 16], 2);
const values = random([9, 5], 3);

interface PoolAnswer {
  readonly pooled: WireTensor;
  readonly rankings: readonly { readonly candidate: number; readonly weight: number }[][];
}

describe.each(backends)("%s", (backend) => {
  test("pools and ranks as the reference does", async () => {
    const { post } = await startService({ backend });
    const response = await post("/pool", { query: query.wire, candidates: candidates.wire, top: 9 });
    expect(response.statusCode).toBe(200);
    const { pooled, rankings } = response.json<PoolAnswer>();
    const { output, weights } = reference.scaledDotProductAttention(query, candidates, candidates);
    expect(pooled.shape).toEqual([2, 16]);
    expect(isClose(pooled, output.data)).toBe(true);
    rankings.forEach((ranking, i) => {
      const row = [...weights.data.subarray(9 * i, 9 * (i + 1))];
      expect(ranking.map(({ weight }) => weight)).toEqual(
        ranking.map(({ candidate }) => expect.closeTo(row[candidate]!)),
      );
      expect(ranking.map(({ candidate }) => candidate)).toEqual(
        [...row.keys()].sort((a, b) => row[b]! - row[a]!),
      );
    });
  });

  test("by cosine, with values of their own and a scale", async () => {
    const { post } = await startService({ backend });
    const options = { similarity: "cosine", scale: 3 } as const;
    const body = { query: query.wire, candidates: candidates.wire, values: values.wire, ...options };
    const { pooled, rankings } = (await post("/pool", { ...body, top: 1 })).json<PoolAnswer>();
    const { output } = reference.scaledDotProductAttention(query, candidates, values, options);
    expect(pooled.shape).toEqual([2, 5]);
    expect(isClose(pooled, output.data)).toBe(true);
    expect(rankings.map((ranking) => ranking.length)).toEqual([1, 1]);
  });

  test("answers in numbers where it is asked in numbers", async () => {
    const { post } = await startService({ backend });
    const numbers = ({ shape, data }: typeof query) => ({ shape, data: Array.from(data) });
    const { pooled } = (
      await post("/pool", { query: numbers(query), candidates: numbers(candidates) })
    ).json<PoolAnswer>();
    const { output } = reference.scaledDotProductAttention(query, candidates, candidates);
    expect(pooled.data).toEqual(Array.from(output.data, (x) => expect.closeTo(x, 4)));
  });
});

describe("refuses", () => {
  const one = { shape: [1, 1], data: [1] };
  const nan = Buffer.from(Float32Array.of(Number.NaN).buffer).toString("base64");

  test.each([
    ["a missing field", { query: one }, "candidates"],
    ["an unknown field", { query: one, candidates: one, key: one }, "additional properties"],
    ["a size of 0", { query: { shape: [0, 1], data: [] }, candidates: one }, "must be >= 1"],
    ["a size that is too large", { query: { shape: [65, 1], data: "" }, candidates: one }, "must be <= 64"],
    [
      "another rank",
      { query: { shape: [1], data: [1] }, candidates: one },
      "must NOT have fewer than 2 items",
    ],
    [
      "other dimensions",
      { query: { shape: [1, 2], data: [1, 2] }, candidates: one },
      '"candidates" expected shape [n, 2], got [1, 1]',
    ],
    [
      "other values",
      { query: one, candidates: one, values: { shape: [2, 1], data: [1, 2] } },
      '"values" expected shape [1, n], got [2, 1]',
    ],
    [
      "too few numbers",
      { query: { shape: [2, 1], data: [1] }, candidates: one },
      "expected 2 numbers, got 1",
    ],
    [
      "too little base64",
      { query: { shape: [2, 1], data: "AAAA" }, candidates: one },
      "expected 12 characters of base64",
    ],
    [
      "what is no base64",
      { query: { shape: [1, 1], data: "%%%%%%==" }, candidates: one },
      "expected 4 bytes in base64, got 0",
    ],
    ["NaN", { query: { shape: [1, 1], data: nan }, candidates: one }, '"query" has NaN at 0'],
    ["an infinity", { query: { shape: [1, 1], data: [1e39] }, candidates: one }, '"query" has Infinity at 0'],
    ["text for numbers", { query: { shape: [1, 1], data: ["1"] }, candidates: one }, "must be number"],
  ])("%s", async (_, body, message) => {
    const { post } = await startService();
    const response = await post("/pool", body);
    expect(response.statusCode).toBe(400);
    expect(response.json()).toEqual({
      error: { code: expect.any(String), message: expect.stringContaining(message) },
    });
  });

  test("a body beyond the limit", async () => {
    const { post } = await startService({ bodyLimitBytes: 100 });
    expect((await post("/pool", { query: { shape: [1, 1], data: "A".repeat(200) } })).statusCode).toBe(413);
  });
});
