/** Refusals that are more than a row of docs/errors.md: those of test/errors. */
import { describe, expect, it } from "vitest";
import {
  createBlockMask,
  createEngine,
  scaledDotProductAttentionSync,
  softmax,
  softmaxSync,
} from "wasm-attention";
import { q, v } from "../errors/attention.ts";
import { f32 } from "../errors/rows.ts";
import { kernelSets } from "../support/backends.ts";
import { errorOf } from "../support/error-of.ts";

const a = f32(2, 3);

describe("createEngine", () => {
  it.runIf(!kernelSets.includes("relaxed"))("relaxed kernels where there are none", () => {
    const error = errorOf(() => createEngine({ kernels: "relaxed" }));
    expect([error.code, error.message]).toEqual([
      "ERR_UNSUPPORTED",
      '"kernels" asks for relaxed kernels, but this JavaScript engine has no relaxed SIMD',
    ]);
  });
});

describe("the functions of the default engine", () => {
  it("an engine that is none", async () => {
    const message = '"engine" expected what createEngine returns, got an object';
    expect(errorOf(() => softmaxSync(a, { engine: {} as never }))).toMatchObject({
      code: "ERR_OPTION",
      message,
    });
    await expect(softmax(a, { engine: {} as never })).rejects.toMatchObject({ code: "ERR_OPTION", message });
  });

  it("a controller for its signal", async () => {
    const signal = new AbortController() as never;
    const message = '"signal" expected an AbortSignal, got an object that has one: controller.signal';
    await expect(softmax(a, { signal })).rejects.toMatchObject({ code: "ERR_OPTION", message });
    await expect(softmax(a, { signal: 5 as never })).rejects.toMatchObject({
      code: "ERR_OPTION",
      message: '"signal" expected an AbortSignal, got 5',
    });
  });

  it("a block mask without sizes", () => {
    expect(errorOf(() => createBlockMask(() => true, undefined as never))).toMatchObject({
      code: "ERR_OPTION",
      message: '"sizes" expected { L, S }, got undefined',
    });
  });

  it("refuse alike", async () => {
    expect(() => scaledDotProductAttentionSync(q, v, v)).toThrow('"key" expected shape [B=2, K, S, E=8]');
    await expect(softmax(a, { axis: 7 })).rejects.toMatchObject({ code: "ERR_OPTION" });
  });
});
