/** What onnxruntime-node and onnxruntime-web have in common: models made here, arrays for the results made once. */
import type { Problem } from "../problem.ts";
import { attentionPrograms, decodePrograms } from "./onnx-attention.ts";
import { encodeModel, type Operand, typeOf } from "./onnx-encoder.ts";
import { layerPrograms } from "./onnx-layer.ts";
import { matmulPrograms, softmaxPrograms } from "./onnx-products.ts";
import type { Program } from "./onnx-program.ts";
import type { PreparedWay, Way } from "./peer.ts";

/** What is used of the API that both packages have. */
export interface OnnxRuntime {
  readonly env: { logLevel: string; readonly wasm: { numThreads: number } };
  readonly Tensor: new (type: string, data: Operand["data"], shape: readonly number[]) => object;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
}

/** A package that is loaded, and what is particular about it. */
export interface Variant {
  readonly ort: OnnxRuntime;
  readonly executionProvider: string;
  /** Whether results are written into arrays that are given; if not, a run returns new ones. */
  readonly fillsOutputs: boolean;
}

interface Session {
  run(
    inputs: Record<string, object>,
    outputs: Record<string, object> | readonly string[],
  ): Promise<Record<string, { readonly data: Float32Array }>>;
  release(): Promise<void>;
}

/** `load` gives the package with so many threads. */
export function waysFor(
  load: (threads: number) => Variant | Promise<Variant>,
  problem: Problem,
  threads: number,
): Way[] {
  return programsFor(problem).map((program) => ({
    name: program.way,
    prepare: async () => prepareProgram(await load(threads), program, threads),
  }));
}

function programsFor(problem: Problem): Program[] {
  switch (problem.kind) {
    case "attention":
      return attentionPrograms(problem.size, problem.inputs);
    case "decode":
      return decodePrograms(problem.size, problem.inputs);
    case "layer":
      return layerPrograms(problem.size, problem.inputs);
    case "matmul":
      return matmulPrograms(problem.size, problem.inputs);
    case "softmax":
      return softmaxPrograms(problem.size, problem.inputs.x);
  }
}

async function prepareProgram(
  { ort, executionProvider, fillsOutputs }: Variant,
  program: Program,
  threads: number,
): Promise<PreparedWay> {
  ort.env.logLevel = "fatal";
  const session = await ort.InferenceSession.create(encodeModel(program), {
    executionProviders: [executionProvider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    enableMemPattern: true,
    logSeverityLevel: 4,
  });
  const tensors = (operands: readonly Operand[]) =>
    Object.fromEntries(
      operands.map(({ name, shape, data }) => [name, new ort.Tensor(typeOf(data), data, shape)]),
    );
  const inputs = tensors(program.inputs);
  const outputs = fillsOutputs ? tensors(program.outputs) : ["output"];
  let results: Awaited<ReturnType<Session["run"]>> = {};
  return {
    run: async () => {
      program.before?.();
      results = await session.run(inputs, outputs);
    },
    read: () => program.read(results.output.data),
    dispose: () => session.release(),
  };
}
