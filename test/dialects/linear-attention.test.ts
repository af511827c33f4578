/** ONNX's LinearAttention on every engine: against float64, against itself cut in pieces, and what it refuses. */
import { describe, expect, it } from "vitest";
import { AttentionError, createEngine, type Engine, type KernelSet, type TensorLike } from "wasm-attention";
import {
  type LinearAttentionAttributes,
  type LinearAttentionInputs,
  type LinearAttentionOutputs,
  linearAttention,
  linearAttentionAsync,
  type RunOptions,
  type UpdateRule,
} from "wasm-attention/onnx";
import { linearAttention as reference } from "wasm-attention/reference";
import { linearAttentionCall } from "../../src/calls/linear-attention.ts";
import { bind, copyIn } from "../../src/engine/block.ts";
import { Executor } from "../../src/engine/executor.ts";
import { kernelSizes } from "../../src/engine/generated/kernels.ts";
import { compileKernels } from "../../src/engine/kernel-sets.ts";
import { LinearMemory } from "../../src/engine/linear-memory.ts";
import { Runtime } from "../../src/engine/runtime.ts";
import { judgeWide } from "../../src/trial/wide.ts";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { forEachEngine, kernelSets } from "../support/backends.ts";
import { asMatrices, type LinearCase, plainFloat32 } from "../support/plain-linear-attention.ts";
import { changed, type FloatTensor, normal, sizeOf, uniform } from "../support/random-tensors.ts";
import { exactly, expectClose, expectTensorClose, float64Tolerance } from "../support/tolerance.ts";

type Sizes = readonly [B: number, H: number, K: number, L: number, E: number, V: number];
/** Which gates there are: decays of each row or of each head, betas of each head or of all. */
type Gates = readonly ("rows" | "heads" | "beta" | "one beta" | "erase" | "past")[];

interface Case {
  readonly name: string;
  readonly sizes: Sizes;
  readonly inputs: LinearCase;
  readonly attributes: LinearAttentionAttributes;
}

const allGates: readonly Gates[] = [
  [],
  ["past"],
  ["rows", "past"],
  ["heads"],
  ["beta", "past"],
  ["one beta", "erase"],
  ["rows", "beta", "past"],
  ["heads", "one beta", "erase", "past"],
  ["rows", "beta", "erase"],
];

const allSizes: readonly Sizes[] = [
  [1, 1, 1, 1, 1, 1],
  [2, 2, 2, 2, 3, 33],
  [2, 4, 2, 7, 40, 64],
  [1, 8, 1, 7, 33, 40],
  [1, 7, 1, 2, 64, 1],
  [1, 6, 2, 130, 33, 3],
  [1, 2, 2, 130, 64, 111],
  [1, 1, 1, 130, 111, 40],
];

function caseOf(sizes: Sizes, gates: Gates, seed = 1): Case {
  const [B, H, K, L, E, V] = sizes;
  const has = (gate: Gates[number]) => gates.includes(gate);
  const gated = has("rows") || has("heads");
  const delta = has("beta") || has("one beta");
  const update_rule: UpdateRule = gated ? (delta ? "gated_delta" : "gated") : delta ? "delta" : "linear";
  const inputs = {
    query: normal([B, L, H * E], seed),
    // The delta rule is stable for keys of length 1, or so.
    key: normal([B, L, K * E], seed + 1, 1 / Math.sqrt(E)),
    value: normal([B, L, K * V], seed + 2),
    ...(has("past") && { past_state: normal([B, K, E, V], seed + 3) }),
    ...(gated && { decay: uniform([B, L, has("rows") ? K * E : K], seed + 4, -1, 0) }),
    ...(delta && { beta: uniform([B, L, has("beta") ? K : 1], seed + 5, 0, 1) }),
    ...(has("erase") && { erase_gate: uniform([B, L, K * E], seed + 6, 0, 1) }),
  };
  const attributes = { q_num_heads: H, kv_num_heads: K, update_rule };
  return { name: `${sizes.join(" x ")}, ${gates.join(", ") || "none"}`, sizes, inputs, attributes };
}

const cases = allSizes.flatMap((sizes) => allGates.map((gates) => caseOf(sizes, gates)));

/** ONNX's flat rows as the reference and the kernel's call have them: heads behind tokens. */
function asHeads({ sizes, inputs, attributes }: Case) {
  const [B, H, K, L, E, V] = sizes;
  const heads = (x: FloatTensor, count: number, size: number) => ({
    data: x.data,
    shape: [B, L, count, size],
  });
  const { query, key, value, past_state, decay, beta, erase_gate } = inputs;
  const betaOf = (i: number) => beta!.data[beta!.shape[2] === K ? i : Math.floor(i / K)]!;
  const terms = {
    layout: "BLHE" as const,
    scale: attributes.scale,
    state: past_state,
    decay: decay && (decay.shape[2] === K * E ? heads(decay, K, E) : { data: decay.data, shape: [B, L, K] }),
    beta: beta && { data: Float32Array.from({ length: B * L * K }, (_, i) => betaOf(i)), shape: [B, L, K] },
    eraseGate: erase_gate && heads(erase_gate, K, E),
  };
  return [heads(query, H, E), heads(key, K, E), heads(value, K, V), terms] as const;
}

function inFloat64(one: Case): { output: FloatNumbers; present_state: FloatNumbers } {
  const [B, H, , L, , V] = one.sizes;
  const { output, state } = reference(...asHeads(one));
  return { output: { data: output.data, shape: [B, L, H * V] }, present_state: state };
}

interface FloatNumbers {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

/** The float64 results of a case, and how far off plain float32 may be; worked out once for all engines. */
const known = new Map<Case, ReturnType<typeof workOut>>();
function expectation(of: Case): ReturnType<typeof workOut> {
  const found = known.get(of) ?? workOut(of);
  known.set(of, found);
  return found;
}

function workOut(of: Case) {
  const exact = inFloat64(of);
  const plain = plainFloat32(of.inputs, of.attributes);
  return {
    exact,
    output: plainTolerance(exact.output.data, plain.output),
    present_state: plainTolerance(exact.present_state.data, plain.present_state),
  };
}

type Attend = (
  inputs: LinearAttentionInputs,
  attributes: LinearAttentionAttributes,
  options?: RunOptions,
) => Promise<LinearAttentionOutputs>;

function forEachCall(suite: (attend: Attend, engine: () => Engine, kernels: KernelSet) => void): void {
  forEachEngine(({ kernels }, engine) => {
    describe("sync", () =>
      suite(async (x, attributes) => linearAttention(x, attributes, { engine: engine() }), engine, kernels));
    describe("async", () =>
      suite(
        (x, attributes, options) => linearAttentionAsync(x, attributes, { engine: engine(), ...options }),
        engine,
        kernels,
      ));
  });
}

function expectEqual(actual: LinearAttentionOutputs, expected: LinearAttentionOutputs, label: string): void {
  for (const name of ["output", "present_state"] as const) {
    expect(actual[name].shape).toEqual(expected[name].shape);
    expectSameBits(actual[name].data, expected[name].data, `${label}, ${name}`);
  }
}

describe("the reference", () => {
  it.each(cases.filter(({ sizes }) => sizes[3] < 100))("is the product of transitions: $name", (one) => {
    const { output, present_state } = inFloat64(one);
    const matrices = asMatrices(one.inputs, one.attributes);
    expectClose(output.data, matrices.output, { absolute: 1e-12, relative: 1e-12 }, "output");
    expectClose(present_state.data, matrices.present_state, { absolute: 1e-12, relative: 1e-12 }, "state");
  });

  it("without gates is causal attention without its softmax, in both layouts", () => {
    const [B, H, K, L, E, V] = [2, 4, 2, 9, 5, 3];
    const [query, key, value] = [normal([B, H, L, E], 1), normal([B, K, L, E], 2), normal([B, K, L, V], 3)];
    const dot = (b: number, h: number, i: number, j: number) => {
      let sum = 0;
      for (let e = 0; e < E; e++)
        sum += query.data[((b * H + h) * L + i) * E + e]! * key.data[((b * K + (h >> 1)) * L + j) * E + e]!;
      return sum;
    };
    const expected = Float64Array.from({ length: B * H * L * V }, (_, n) => {
      const [v, i, h, b] = [
        n % V,
        Math.floor(n / V) % L,
        Math.floor(n / (V * L)) % H,
        Math.floor(n / (V * L * H)),
      ];
      let sum = 0;
      for (let j = 0; j <= i; j++) sum += dot(b, h, i, j) * value.data[((b * K + (h >> 1)) * L + j) * V + v]!;
      return sum / Math.sqrt(E);
    });
    const { output } = reference(query, key, value);
    expectTensorClose(output, { data: expected, shape: [B, H, L, V] }, float64Tolerance, "output");
    const swapped = reference(behind(query), behind(key), behind(value), { layout: "BLHE" });
    expectTensorClose(swapped.output, behind(output), float64Tolerance, "BLHE");
  });

  it("refuses what does not fit", () => {
    const x = normal([2, 2, 3, 4], 1);
    const gate = normal([2, 2, 3], 2);
    const refused = (message: string, call: () => unknown) => expect(call).toThrow(message);
    refused('"key" expected shape [B=2, K, L=3, E=4], got [2, 2, 3, 5]', () =>
      reference(x, normal([2, 2, 3, 5], 1), x),
    );
    refused('"key" expected K heads that divide H=3, got 2', () => reference(normal([2, 3, 3, 4], 1), x, x));
    refused('"beta" is missing: "eraseGate" is part of the delta rule', () =>
      reference(x, x, x, { eraseGate: x }),
    );
    refused('"beta" expected shape [B=2, K=2, L=3], got [2, 2, 3, 4]', () => reference(x, x, x, { beta: x }));
    refused('"beta" expected shape [B=2, L=3, K=2], got [2, 2, 3]', () =>
      reference(behind(x), behind(x), behind(x), { beta: gate, layout: "BLHE" }),
    );
    refused('"decay" expected shape [B=2, K=2, L=3, E=4], got [2, 2]', () =>
      reference(x, x, x, { decay: normal([2, 2], 1) }),
    );
    refused('"state" expected shape [B=2, K=2, E=4, V=4], got [2, 2, 3, 4]', () =>
      reference(x, x, x, { state: x }),
    );
    refused('"scale" expected a finite number, got Infinity', () => reference(x, x, x, { scale: Infinity }));
  });
});

/** `[B, M, N, size]` as `[B, N, M, size]`, element by element. */
function behind<D extends Float32Array | Float64Array>({
  data,
  shape,
}: {
  data: D;
  shape: readonly number[];
}): { data: D; shape: number[] } {
  const [B, M, N, size] = shape as [number, number, number, number];
  const from = (n: number) => {
    const [e, m, i, b] = [
      n % size,
      Math.floor(n / size) % M,
      Math.floor(n / (size * M)) % N,
      Math.floor(n / (size * M * N)),
    ];
    return data[((b * M + m) * N + i) * size + e]!;
  };
  return { data: data.map((_, n) => from(n)) as D, shape: [B, N, M, size] };
}

describe("linearAttention", () => {
  forEachCall((attend) => {
    it.each(cases)("$name", async (one) => {
      const result = await attend(one.inputs, one.attributes);
      const { exact, ...tolerances } = expectation(one);
      for (const name of ["output", "present_state"] as const)
        expectAccurate(result[name], exact[name], tolerances[name], name);
    });

    it("scales by what is given, 0 being the default, and minds no chunk_size", async () => {
      const one = caseOf([1, 2, 1, 5, 16, 9], ["rows", "beta"]);
      const usual = await attend(one.inputs, one.attributes);
      expectEqual(await attend(one.inputs, { ...one.attributes, scale: 0, chunk_size: 3 }), usual, "scale 0");
      const doubled = await attend(one.inputs, { ...one.attributes, scale: 0.5 });
      expectSameBits(
        doubled.output.data,
        usual.output.data.map((x) => 2 * x),
        "scale 0.5",
      );
      const explicit = { ...one, attributes: { ...one.attributes, scale: 0.3 } };
      const { exact, output } = workOut(explicit);
      expectAccurate(
        (await attend(one.inputs, explicit.attributes)).output,
        exact.output,
        output,
        "scale 0.3",
      );
    });

    it("takes null for what is absent, and dims for shape", async () => {
      const { inputs, attributes } = caseOf([2, 2, 2, 3, 4, 5], ["heads", "one beta", "past"]);
      const dims = Object.entries(inputs).map(([name, { data, shape }]) => [name, { data, dims: shape }]);
      const result = await attend({ erase_gate: null, ...Object.fromEntries(dims) }, attributes);
      expectEqual(result, await attend(inputs, attributes), "dims");
    });

    it("takes a past of zeros for none", async () => {
      const { inputs, attributes } = caseOf([2, 2, 2, 3, 4, 9], ["rows", "beta"]);
      const past_state = { data: new Float32Array(2 * 2 * 4 * 9), shape: [2, 2, 4, 9] };
      expectEqual(
        await attend({ ...inputs, past_state }, attributes),
        await attend(inputs, attributes),
        "past",
      );
    });

    it("hands the past on where there are no tokens, and gives nothing for no entries", async () => {
      for (const gates of [["past"], ["rows", "beta", "erase", "past"]] as const) {
        const none = caseOf([2, 4, 2, 0, 5, 11], gates);
        const { output, present_state } = await attend(none.inputs, none.attributes);
        expect(output.shape).toEqual([2, 0, 44]);
        expectTensorClose(present_state, none.inputs.past_state!, exactly, "present_state");
        const empty = caseOf([0, 4, 2, 3, 5, 11], gates);
        const nothing = await attend(empty.inputs, empty.attributes);
        expect([nothing.output.shape, nothing.present_state.shape]).toEqual([
          [0, 3, 44],
          [0, 2, 5, 11],
        ]);
      }
      const start = caseOf([1, 1, 1, 0, 3, 2], []);
      expect([...(await attend(start.inputs, start.attributes)).present_state.data]).toEqual(
        Array(6).fill(0),
      );
      const narrow = caseOf([1, 2, 1, 2, 0, 3], []);
      expect([...(await attend(narrow.inputs, narrow.attributes)).output.data]).toEqual(Array(12).fill(0));
      const flat = caseOf([1, 2, 1, 2, 3, 0], []);
      expect((await attend(flat.inputs, flat.attributes)).present_state.shape).toEqual([1, 1, 3, 0]);
    });

    it("changes none of its inputs", async () => {
      const { inputs, attributes } = caseOf([2, 2, 1, 20, 12, 20], ["rows", "beta", "erase", "past"]);
      const before = structuredClone(inputs);
      await attend(inputs, attributes);
      expect(inputs).toEqual(before);
    });
  });

  it("uses tensors of an engine where they lie, and leaves them as they are", async () => {
    const engine = createEngine({ threads: 0 });
    const { inputs, attributes } = caseOf([2, 2, 1, 20, 12, 20], ["rows", "beta", "erase", "past"]);
    const expected = linearAttention(inputs, attributes, { engine });
    const resident = Object.fromEntries(
      Object.entries(inputs).map(([name, { data, shape }]) => {
        const tensor = engine.tensor(shape);
        tensor.data.set(data);
        return [name, tensor];
      }),
    ) as unknown as LinearAttentionInputs;
    expectEqual(linearAttention(resident, attributes, { engine }), expected, "resident");
    for (const [name, { data }] of Object.entries(inputs))
      expectSameBits((resident[name as "query"] as { data: Float32Array }).data, data, name);
    await engine.dispose();
  });
});

/** Tokens `from` to `to` of every input that has tokens. */
function tokens(inputs: LinearCase, from: number, to: number): LinearCase {
  const { past_state, ...rest } = inputs;
  const parts = Object.entries(rest).map(([name, x]) => [name, slice(x, 1, from, to)]);
  return { ...Object.fromEntries(parts), ...(past_state && { past_state }) };
}

/** Entries `from` to `to` of all inputs. */
function entries(inputs: LinearCase, from: number, to: number): LinearCase {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, x]) => [name, slice(x, 0, from, to)]),
  ) as unknown as LinearCase;
}

function slice({ data, shape }: FloatTensor, dimension: 0 | 1, from: number, to: number): FloatTensor {
  const inner = shape.slice(dimension + 1).reduce((a, b) => a * b, 1);
  const outer = dimension === 0 ? 1 : shape[0]!;
  const part = new Float32Array(outer * (to - from) * inner);
  for (let o = 0; o < outer; o++) {
    const start = (o * shape[dimension]! + from) * inner;
    part.set(data.subarray(start, start + (to - from) * inner), o * (to - from) * inner);
  }
  return { data: part, shape: shape.with(dimension, to - from) };
}

/** More tokens than a step of a tile takes, over several tiles. */
const long = caseOf([1, 2, 1, 3000, 64, 68], ["rows", "beta", "erase", "past"]);
const longWithoutDelta = caseOf([1, 1, 1, 6001, 64, 68], ["heads", "past"]);
const varied = [long, longWithoutDelta, ...allGates.map((gates) => caseOf([3, 6, 2, 33, 20, 19], gates, 7))];

describe("bits do not depend on", () => {
  const alone = new Map<KernelSet, Engine>(
    kernelSets.map((kernels) => [kernels, createEngine({ kernels, threads: 0 })]),
  );
  const first = new Map<string, LinearAttentionOutputs>();
  /** The result of one thread, here and now. */
  function onOneThread(one: Case, kernels: KernelSet): LinearAttentionOutputs {
    const key = `${kernels} ${one.name}`;
    const found =
      first.get(key) ?? linearAttention(one.inputs, one.attributes, { engine: alone.get(kernels)! });
    first.set(key, found);
    return found;
  }

  it("is tested with tiles of several steps", () => {
    for (const one of [long, longWithoutDelta]) {
      const [[part] = []] = linearAttentionCall(...asHeads(one), kernelSizes.strict).program.stages;
      expect(part!.steps).toBeGreaterThan(1);
      expect(part!.tiles).toBeGreaterThan(2);
    }
  });

  forEachCall((attend, _, kernels) => {
    it.each(varied)("threads, sync or async: $name", async (one) => {
      expectEqual(await attend(one.inputs, one.attributes), onOneThread(one, kernels), one.name);
    });

    it.each(varied)("where tokens are cut in calls: $name", async (one) => {
      const { inputs, attributes } = one;
      const L = one.sizes[3];
      const whole = onOneThread(one, kernels);
      for (const cut of [1, Math.floor(L / 2), L - 1]) {
        const before = await attend(tokens(inputs, 0, cut), attributes);
        const rest = { ...tokens(inputs, cut, L), past_state: before.present_state };
        const after = await attend(rest, attributes);
        expectSameBits(after.present_state.data, whole.present_state.data, `present_state, cut at ${cut}`);
        expectSameBits(before.output.data, slice(whole.output, 1, 0, cut).data, `output before ${cut}`);
        expectSameBits(after.output.data, slice(whole.output, 1, cut, L).data, `output from ${cut} on`);
      }
    });

    it.each(varied.filter(({ sizes }) => sizes[0] > 1))("the rest of the batch: $name", async (one) => {
      const whole = onOneThread(one, kernels);
      const single = await attend(entries(one.inputs, 1, 2), one.attributes);
      expectSameBits(single.output.data, slice(whole.output, 0, 1, 2).data, "output");
      expectSameBits(single.present_state.data, slice(whole.present_state, 0, 1, 2).data, "present_state");
    });
  });

  it("the layout, and whether the past lies in the engine", () => {
    const runtime = new Runtime({ kernels: "strict", threads: 0 }, judgeWide);
    const [B, H, K, L, E, V] = [2, 4, 2, 21, 12, 13];
    const [query, key, value] = [
      normal([B, H, L, E], 1),
      normal([B, K, L, E], 2, 0.3),
      normal([B, K, L, V], 3),
    ];
    const terms = { decay: uniform([B, K, L, E], 4, -1, 0), eraseGate: uniform([B, K, L, E], 5, 0, 1) };
    const beta = uniform([B, K, L, 1], 6, 0, 1);
    const flat = ({ data, shape }: FloatTensor) => ({ data, shape: shape.slice(0, 3) });
    const before = runtime.runSync(
      linearAttentionCall(query, key, value, { ...terms, beta: flat(beta) }, runtime.sizes),
    );
    const after = runtime.runSync(
      linearAttentionCall(
        behind(query),
        behind(key),
        behind(value),
        {
          layout: "BLHE",
          decay: behind(terms.decay),
          eraseGate: behind(terms.eraseGate),
          beta: flat(behind(beta)),
        },
        runtime.sizes,
      ),
    );
    expectSameBits(after.output.data, behind(before.output).data, "output");
    expectSameBits(after.state.data, before.state.data, "state");
  });

  it("whether a tile is run again from its first step, as after the death of a worker", () => {
    for (const kernels of kernelSets) {
      const [B, , K, , E, V] = long.sizes;
      const { program } = linearAttentionCall(...asHeads(long), kernelSizes[kernels]);
      const memory = new LinearMemory(false, 2 ** 28);
      const executor = new Executor(compileKernels(kernels, false), memory.memory);
      const block = bind(program, memory, 2);
      for (const transfer of block.inputs) copyIn(transfer, memory);
      const { tiles, steps } = program.stages[0]![0]!;
      const run = (tile: number, thread: number, step: number) =>
        executor.runStep(block.table, 0, tile, block.scratch + thread * block.scratchStride, step);
      for (let tile = 0; tile < tiles; tile++) {
        // One thread has begun, another does it all meanwhile, and the first then ends what it began.
        run(tile, 0, 0);
        for (let step = 0; step < steps; step++) run(tile, 1, step);
        for (let step = 1; step < steps; step++) run(tile, 0, step);
        for (let step = 0; step < steps; step++) run(tile, 0, step);
      }
      const at = program.operands.findIndex(({ target }) => target?.length === B * K * E * V);
      const state = memory.f32.subarray(block.addresses[at]! >>> 2).slice(0, B * K * E * V);
      expectSameBits(state, onOneThread(long, kernels).present_state.data, kernels);
    }
  });
});

describe("decays", () => {
  forEachCall((attend) => {
    it("follow the exponential, to 0 below and to infinity above", async () => {
      const logarithms = [
        -Infinity,
        -1e4,
        -110,
        -88,
        -87,
        -20.5,
        -1,
        -1e-3,
        0,
        1e-3,
        0.5,
        30,
        88.5,
        88.8,
        1e4,
        Infinity,
      ];
      const E = logarithms.length;
      const { present_state } = await attend(
        {
          query: normal([1, 1, E], 1),
          key: { data: new Float32Array(E), shape: [1, 1, E] },
          value: normal([1, 1, 1], 2),
          past_state: { data: new Float32Array(E).fill(1), shape: [1, 1, E, 1] },
          decay: { data: Float32Array.from(logarithms), shape: [1, 1, E] },
        },
        { q_num_heads: 1, kv_num_heads: 1, update_rule: "gated" },
      );
      const exact = logarithms.map((x) => Math.fround(Math.exp(Math.fround(x))));
      // A square has twice the error of what is squared: two units in the last place, and what is subnormal is 0.
      expectClose(present_state.data, exact, { absolute: 2 ** -126, relative: 2 ** -22 }, "exponential");
      expect(present_state.data[8]).toBe(1);
    });

    it("of -1e4 let nothing of the past through", async () => {
      for (const gates of [
        ["heads", "past"],
        ["rows", "beta", "past"],
      ] as const) {
        const { inputs, attributes } = caseOf([1, 4, 2, 12, 17, 9], gates);
        const perToken = inputs.decay!.shape[2]!;
        const decay = changed(inputs.decay!, (x, i) => (Math.floor(i / perToken) === 6 ? -1e4 : x));
        const whole = await attend({ ...inputs, decay }, attributes);
        const { past_state: _, ...late } = tokens({ ...inputs, decay }, 6, 12);
        const fresh = await attend(late, attributes);
        expectTensorClose(slice(whole.output, 1, 6, 12), fresh.output, exactly, "output");
        expectTensorClose(whole.present_state, fresh.present_state, exactly, "present_state");
      }
    });
  });
});

describe("what is not finite", () => {
  forEachCall((attend) => {
    it.each(["query", "key", "value", "decay", "beta", "past_state"] as const)(
      "in one entry's %s stays there, and in its own head",
      async (name) => {
        const { inputs, attributes } = caseOf([3, 4, 2, 9, 10, 13], ["rows", "beta", "past"]);
        const clean = await attend(inputs, attributes);
        const part = inputs[name]!.data.length / 3;
        // The middle entry, its first head.
        const poisoned = {
          ...inputs,
          [name]: changed(inputs[name]!, (x, i) => (i === part ? Number.NaN : x)),
        };
        const result = await attend(poisoned, attributes);
        for (const b of [0, 2])
          expectSameBits(
            slice(result.output, 0, b, b + 1).data,
            slice(clean.output, 0, b, b + 1).data,
            `entry ${b}`,
          );
        const [own, whole] = [slice(result.output, 0, 1, 2).data, slice(clean.output, 0, 1, 2).data];
        const kvHead = (i: number) => Math.floor((i % (4 * 13)) / (2 * 13));
        const others = (_: number, i: number) => kvHead(i) === 1;
        expectSameBits(own.filter(others), whole.filter(others), "the other head");
        expect(own.some(Number.isNaN)).toBe(true);
      },
    );

    it("does not reach back", async () => {
      const { inputs, attributes } = caseOf([1, 1, 1, 9, 8, 8], []);
      const clean = await attend(inputs, attributes);
      for (const bad of [3, 4]) {
        const value = changed(inputs.value, (x, i) => (Math.floor(i / 8) === bad ? Infinity : x));
        const { output } = await attend({ ...inputs, value }, attributes);
        expectSameBits(output.data.subarray(0, bad * 8), clean.output.data.subarray(0, bad * 8), "before");
        expect(output.data.subarray(bad * 8).every(Number.isFinite)).toBe(false);
      }
    });
  });
});

describe("a signal", () => {
  forEachEngine((_, engine) => {
    it("that is aborted before: its reason, before the arguments are looked at", async () => {
      const signal = AbortSignal.abort("never mind");
      const call = linearAttentionAsync({} as LinearAttentionInputs, long.attributes, {
        engine: engine(),
        signal,
      });
      await expect(call).rejects.toBe("never mind");
    });

    it("that is aborted meanwhile: its reason, and the engine is well", async () => {
      const controller = new AbortController();
      const zeros = (...shape: number[]) => ({ data: new Float32Array(sizeOf(shape)), shape });
      const rows = zeros(1, 12000, 8 * 64);
      const inputs = { query: rows, key: rows, value: rows, decay: rows, beta: zeros(1, 12000, 8) };
      const call = linearAttentionAsync(
        inputs,
        { q_num_heads: 8, kv_num_heads: 8 },
        { engine: engine(), signal: controller.signal },
      );
      const rejected = expect(call).rejects.toBe("enough");
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(engine().info().running).toBe(1);
      controller.abort("enough");
      await rejected;
      const next = cases[0]!;
      expectEqual(
        await linearAttentionAsync(next.inputs, next.attributes, { engine: engine() }),
        linearAttention(next.inputs, next.attributes, { engine: engine() }),
        "the next call",
      );
    });
  });
});

describe("what does not fit is refused by ONNX's names", () => {
  const [B, H, K, L, E, V] = [2, 4, 2, 3, 8, 5];
  const f32 = (...shape: number[]): FloatTensor => normal(shape, 1);
  const { inputs } = caseOf([B, H, K, L, E, V], ["rows", "beta", "erase", "past"]);
  const heads = { q_num_heads: H, kv_num_heads: K };
  const { decay: _d, beta: _b, erase_gate: _e, ...ungated } = inputs;

  const refusals: [code: AttentionError["code"], message: string, changes: object, attributes?: object][] = [
    [
      "ERR_OPTION",
      '"Q" is no option here; expected query, key, value, past_state, decay, beta, erase_gate',
      { Q: f32(1) },
    ],
    [
      "ERR_OPTION",
      '"num_heads" is no option here (did you mean "q_num_heads"?); expected q_num_heads, kv_num_heads, update_rule, scale, chunk_size',
      {},
      { num_heads: 1 },
    ],
    [
      "ERR_OPTION",
      '"update_rule" expected one of "linear", "gated", "delta", "gated_delta", got "kda"',
      {},
      { update_rule: "kda" },
    ],
    [
      "ERR_OPTION",
      '"q_num_heads" expected a whole number of at least 1, got undefined',
      {},
      { q_num_heads: undefined },
    ],
    ["ERR_OPTION", '"kv_num_heads" expected a whole number of at least 1, got 0', {}, { kv_num_heads: 0 }],
    ["ERR_OPTION", '"kv_num_heads" expected K heads that divide H=4, got 3', {}, { kv_num_heads: 3 }],
    ["ERR_OPTION", '"scale" expected a finite number, got NaN', {}, { scale: Number.NaN }],
    ["ERR_OPTION", '"scale" expected a number that float32 can hold, got 1e+39', {}, { scale: 1e39 }],
    ["ERR_OPTION", '"chunk_size" expected a whole number of at least 1, got 0', {}, { chunk_size: 0 }],
    ["ERR_OPTION", '"decay" is missing: the update_rule "gated_delta" needs it', { decay: undefined }],
    ["ERR_OPTION", '"beta" is missing: the update_rule "gated_delta" needs it', { beta: null }],
    [
      "ERR_OPTION",
      '"decay" is missing: the update_rule "gated" needs it',
      { decay: null },
      { update_rule: "gated" },
    ],
    [
      "ERR_OPTION",
      '"beta" is missing: the update_rule "delta" needs it',
      { decay: null, beta: null },
      { update_rule: "delta" },
    ],
    ["ERR_OPTION", '"decay" cannot be combined with the update_rule "delta"', {}, { update_rule: "delta" }],
    ["ERR_OPTION", '"beta" cannot be combined with the update_rule "gated"', {}, { update_rule: "gated" }],
    [
      "ERR_OPTION",
      '"erase_gate" cannot be combined with the update_rule "linear"',
      { decay: null, beta: null },
      { update_rule: "linear" },
    ],
    ["ERR_DTYPE", '"query" expected a tensor { data, shape }, got undefined', { query: undefined }],
    [
      "ERR_DTYPE",
      '"value" expected data of type Float32Array, got Float64Array',
      { value: { data: new Float64Array(1), shape: [1] } },
    ],
    ["ERR_SHAPE", '"query" expected shape [B, L, H*E], got [2, 4, 3, 8]', { query: f32(2, 4, 3, 8) }],
    [
      "ERR_OPTION",
      '"q_num_heads" expected a divisor of the 30 columns of "query", got 4',
      { query: f32(2, 3, 30) },
    ],
    ["ERR_SHAPE", '"key" expected shape [B=2, L=3, K*E=16], got [2, 3, 32]', { key: f32(2, 3, 32) }],
    ["ERR_SHAPE", '"value" expected shape [B=2, L=3, K*V], got [2, 4, 10]', { value: f32(2, 4, 10) }],
    [
      "ERR_OPTION",
      '"kv_num_heads" expected a divisor of the 11 columns of "value", got 2',
      { value: f32(2, 3, 11) },
    ],
    [
      "ERR_SHAPE",
      '"past_state" expected shape [B=2, K=2, E=8, V=5], got [2, 2, 5, 8]',
      { past_state: f32(2, 2, 5, 8) },
    ],
    [
      "ERR_SHAPE",
      '"decay" expected shape [B=2, L=3, K*E=16] or [B=2, L=3, K=2], got [2, 3, 8]',
      { decay: f32(2, 3, 8) },
    ],
    [
      "ERR_SHAPE",
      '"beta" expected shape [B=2, L=3, K=2] or [B=2, L=3, 1], got [2, 3, 2, 1]',
      { beta: f32(2, 3, 2, 1) },
    ],
    [
      "ERR_SHAPE",
      '"erase_gate" expected shape [B=2, L=3, K*E=16], got [2, 3, 2]',
      { erase_gate: f32(2, 3, 2) },
    ],
    [
      "ERR_DTYPE",
      '"past_state" expected data of type Float32Array, got Float64Array',
      { past_state: { data: new Float64Array(160), shape: [2, 2, 8, 5] } as unknown as TensorLike },
    ],
  ];

  it.each(refusals)("%s: %s", async (code, message, changes, attributes) => {
    const given = { ...inputs, ...changes } as LinearAttentionInputs;
    const all = { ...heads, ...attributes };
    for (const call of [linearAttention, linearAttentionAsync]) {
      const error = await (async () => call(given, all))().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(AttentionError);
      expect(error).toMatchObject({ code, message });
    }
  });

  it("and options that do not exist", () => {
    const options = { threads: 2 } as RunOptions;
    const message = '"threads" is no option here; expected engine, signal';
    expect(() => linearAttention(ungated, { ...heads, update_rule: "linear" }, options)).toThrow(message);
  });
});
