/** The wide kernels: where they are chosen, what is checked before, and what happens where they are not. */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createEngine, type EngineInfo } from "wasm-attention";
import { Runtime } from "../../src/engine/runtime.ts";
import { createCases } from "../../src/trial/all-cases.ts";
import { agree } from "../../src/trial/compare.ts";
import { resultsOf } from "../../src/trial/trial-case.ts";
import { judgeWide } from "../../src/trial/wide.ts";
import { expectSameBits } from "../support/accuracy.ts";
import { attentionInputs } from "../support/attention-problem.ts";
import { kernelSets, mayBeWide } from "../support/backends.ts";
import { normal } from "../support/random-tensors.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const usual = kernelSets.includes("relaxed") ? "relaxed" : "strict";

/** What an engine says of itself in a process that has been prepared. */
function infoAfter(prepare: string, options = '{ kernels: "wide", threads: 0 }'): EngineInfo {
  const source = `
    import { createEngine } from "wasm-attention";
    import v8 from "node:v8";
    ${prepare}
    const engine = createEngine(${options});
    console.log(JSON.stringify(engine.info()));
  `;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", source], { cwd: root });
  return JSON.parse(output.toString());
}

describe.runIf(mayBeWide)("where V8 and the processor have registers of 8 lanes", () => {
  const verified = /asks for it: verified, [1-9]\.\d\d times as fast as relaxed$/;

  it.each([0, 1, 2])("threads: %i", async (threads) => {
    await using engine = createEngine({ kernels: "wide", threads });
    expect(engine.info().kernelsReason).toMatch(verified);
    expect(engine.info().kernels).toBe("wide");
  });

  it("the environment variable asks for them", () => {
    const info = infoAfter('process.env.WASM_ATTENTION_KERNELS = "wide";', "{ threads: 0 }");
    expect(info.kernelsReason).toMatch(/^WASM_ATTENTION_KERNELS asks for it: verified/);
    expect(info.kernels).toBe("wide");
  });

  it('"auto" never takes them', () => {
    expect(infoAfter("", "{}").kernels).toBe("relaxed");
  });

  it("are made once a process: the second engine takes no time", async () => {
    const first = createEngine({ kernels: "wide", threads: 0 });
    const start = performance.now();
    const second = createEngine({ kernels: "wide", threads: 0 });
    expect(performance.now() - start).toBeLessThan(50);
    await Promise.all([first.dispose(), second.dispose()]);
  });

  it("round as the relaxed ones do", async () => {
    await using relaxed = createEngine({ kernels: "relaxed", threads: 0 });
    await using wide = createEngine({ kernels: "wide", threads: 0 });
    for (const sizes of [
      { H: 2, L: 37, S: 130, E: 20 },
      { H: 4, L: 1, S: 77, E: 64 },
      { L: 100, S: 100, E: 3 },
    ]) {
      const { query, key, value } = attentionInputs(sizes);
      const options = { causal: "bottom-right", returnWeights: true } as const;
      const expected = relaxed.scaledDotProductAttentionSync(query, key, value, options);
      const actual = wide.scaledDotProductAttentionSync(query, key, value, options);
      expectSameBits(actual.output.data, expected.output.data, "output");
      expectSameBits(actual.weights!.data, expected.weights!.data, "weights");
    }
    const [a, b] = [normal([37, 500], 1), normal([500, 53], 2)];
    expectSameBits(wide.matmulSync(a, b).data, relaxed.matmulSync(a, b).data, "product");
  });

  it("are not chosen where they bring nothing", () => {
    const { kernels, kernelsReason } = infoAfter("v8.setFlagsFromString = () => {};");
    expect(kernelsReason).toMatch(
      /^"kernels" asks for the wide kernels, but they are only [01]\.\d\d times as fast as the relaxed ones; /,
    );
    expect(kernels).toBe("relaxed");
  });

  it("are not chosen without the means to set V8's flag", () => {
    const withoutV8 = `
      const { getBuiltinModule } = process;
      process.getBuiltinModule = (name) => (name === "node:v8" ? undefined : getBuiltinModule(name));
    `;
    const { kernels, kernelsReason } = infoAfter(withoutV8);
    expect(kernelsReason).toMatch(
      /but this is not Node, whose V8 they are made for; relaxed SIMD is available$/,
    );
    expect(kernels).toBe("relaxed");
  });

  it("are not chosen on another processor", () => {
    const { kernels, kernelsReason } = infoAfter(
      'Object.defineProperty(process, "arch", { value: "arm64" });',
    );
    expect(kernelsReason).toMatch(/but they need an x86-64 processor, and this is arm64; /);
    expect(kernels).toBe("relaxed");
  });
});

describe.runIf(Number.parseInt(process.versions.node, 10) < 24)("on a Node that is too old", () => {
  it("the usual kernels are chosen, and the reason says why", async () => {
    await using engine = createEngine({ kernels: "wide", threads: 0 });
    expect(engine.info().kernelsReason).toContain(
      `"kernels" asks for the wide kernels, but they need Node 24, and this is ${process.versions.node}; `,
    );
    expect(engine.info().kernels).toBe(usual);
  });

  it("the flag is not set", () => {
    const watched = "v8.setFlagsFromString = () => { throw new Error('a flag was set'); };";
    expect(infoAfter(watched).kernels).toBe(usual);
  });
});

describe("the trial", () => {
  const cases = createCases();
  const strict = new Runtime({ kernels: "strict", threads: 0 }, judgeWide);
  const other = new Runtime({ kernels: usual, threads: 0 }, judgeWide);
  const expected = cases.map((one) => resultsOf(one, strict));

  it.each(cases.map(({ name }, i) => [name, i] as const))("passes kernels that are right: %s", (_, i) => {
    expect(agree(expected[i]!, resultsOf(cases[i]!, other))).toBe(true);
  });

  it.each(cases.map(({ name }, i) => [name, i] as const))("sees neighbours change places: %s", (_, i) => {
    // What a swap of the halves of a register would do.
    const swapped = (numbers: Float32Array) =>
      Float32Array.of(...numbers.subarray(4, 8), ...numbers.subarray(0, 4), ...numbers.subarray(8));
    expect(agree(expected[i]!, expected[i]!.map(swapped))).toBe(false);
  });

  it("sees a number that is off, that is NaN, or that should be", () => {
    const numbers = Float32Array.of(1, -0.5, Number.NaN, Number.POSITIVE_INFINITY, 0);
    const changed = (i: number, x: number) => [numbers.map((old, j) => (i === j ? x : old))];
    expect(agree([numbers], [numbers.slice()])).toBe(true);
    expect(agree([numbers], changed(0, 1 + 1e-6))).toBe(true);
    for (const [i, x] of [
      [0, 1.0001],
      [1, 0.5],
      [1, Number.NaN],
      [2, 0],
      [3, 3e38],
      [3, Number.NEGATIVE_INFINITY],
      [4, 1e-4],
    ] as const)
      expect(agree([numbers], changed(i, x))).toBe(false);
  });
});
