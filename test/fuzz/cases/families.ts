/** How families of models name and lay out the tensors of an attention layer, said anew. */
import type { Linear, PlainModelLayer } from "../../support/plain-model.ts";
import { type FloatTensor, sizeOf } from "../../support/random-tensors.ts";

type Config = Readonly<Record<string, unknown>>;
type Inputs = readonly [query: string, key: string, value: string] | readonly [all: string];

export interface FamilyLayout {
  readonly name: string;
  /** The name of the layer in its model. */
  readonly module: string;
  readonly inputs: Inputs;
  readonly output: string;
  /** Whether there are biases; a draw decides where it may be either. */
  readonly biased?: boolean;
  /** Weights are `[depth, columns]`. */
  readonly transposed?: boolean;
  readonly heads: string;
  /** What else the configuration says. */
  readonly config: Config;
  readonly causal: boolean;
  readonly rotary?: boolean;
  shapes(E: number, biased: boolean): Record<string, readonly number[]>;
}

function family(layout: Omit<FamilyLayout, "shapes">): FamilyLayout {
  const { inputs, output, transposed } = layout;
  const matrix = (rows: number, columns: number) => (transposed ? [columns, rows] : [rows, columns]);
  return {
    ...layout,
    shapes: (E, biased) => {
      const rows = inputs.length === 1 ? 3 * E : E;
      const linear = (name: string, size: number) => ({
        [`${name}.weight`]: matrix(size, E),
        ...(biased && { [`${name}.bias`]: [size] }),
      });
      return Object.assign({}, ...inputs.map((name) => linear(name, rows)), linear(output, E));
    },
  };
}

const absent = (name: string) => [name, undefined];

export const families: readonly FamilyLayout[] = [
  family({
    name: "bert",
    module: "encoder.layer.0.attention",
    inputs: ["self.query", "self.key", "self.value"],
    output: "output.dense",
    biased: true,
    heads: "num_attention_heads",
    config: { is_decoder: false },
    causal: false,
  }),
  family({
    name: "distilbert",
    module: "transformer.layer.0.attention",
    inputs: ["q_lin", "k_lin", "v_lin"],
    output: "out_lin",
    biased: true,
    heads: "n_heads",
    config: {},
    causal: false,
  }),
  family({
    name: "timm",
    module: "blocks.0.attn",
    inputs: ["qkv"],
    output: "proj",
    heads: "num_heads",
    config: {},
    causal: false,
  }),
  family({
    name: "gpt2",
    module: "h.0.attn",
    inputs: ["c_attn"],
    output: "c_proj",
    biased: true,
    transposed: true,
    heads: "n_head",
    config: { scale_attn_weights: true },
    causal: true,
  }),
  family({
    name: "llama",
    module: "layers.0.self_attn",
    inputs: ["q_proj", "k_proj", "v_proj"],
    output: "o_proj",
    heads: "num_attention_heads",
    config: Object.fromEntries([
      ["rope_theta", 500],
      ...["rope_scaling", "rope_parameters", "partial_rotary_factor", "rms_norm_eps"].map(absent),
      ...["sliding_window", "use_sliding_window", "max_window_layers", "layer_types"].map(absent),
    ]),
    causal: true,
    rotary: true,
  }),
];

/** The four projections of a layer, as rows of weights. */
export function linearsOf(
  { inputs, output, transposed }: FamilyLayout,
  prefix: string,
  tensors: Record<string, FloatTensor>,
  E: number,
): Record<"query" | "key" | "value" | "output", Linear> {
  const read = (name: string): Linear => {
    const weight = tensors[`${prefix}.${name}.weight`]!;
    return { weight: transposed ? turned(weight) : weight, bias: tensors[`${prefix}.${name}.bias`] };
  };
  const part = (x: FloatTensor, n: number): FloatTensor => {
    const size = E * sizeOf(x.shape.slice(1));
    return { data: x.data.subarray(n * size, (n + 1) * size), shape: [E, ...x.shape.slice(1)] };
  };
  const [query, key, value] =
    inputs.length === 3
      ? inputs.map(read)
      : [0, 1, 2].map((n) => {
          const { weight, bias } = read(inputs[0]);
          return { weight: part(weight, n), bias: bias && part(bias, n) };
        });
  return { query: query!, key: key!, value: value!, output: read(output) };
}

function turned({ data, shape }: FloatTensor): FloatTensor {
  const [rows, columns] = shape as [number, number];
  const at = (n: number) => (n % rows) * columns + Math.floor(n / rows);
  return { data: Float32Array.from(data, (_, n) => data[at(n)]!), shape: [columns, rows] };
}

/** The layer that a configuration makes of them. */
export function modelOf(
  { heads, causal, rotary }: FamilyLayout,
  linears: ReturnType<typeof linearsOf>,
  config: Config,
): PlainModelLayer {
  const window = rotary && isWindowed(config) ? ((config.sliding_window ?? Infinity) as number) : Infinity;
  const isCausal = causal || config.is_decoder === true;
  return {
    ...linears,
    heads: config[heads] as number,
    allows: (i, j) => !isCausal || (j <= i && j > i - window),
    ...(rotary && { turn: rotation(config) }),
  };
}

/** Of the first layer of a model that is not Qwen. */
function isWindowed({ layer_types, use_sliding_window, max_window_layers }: Config): boolean {
  if (layer_types) return (layer_types as readonly string[])[0] === "sliding_attention";
  return use_sliding_window !== false && (max_window_layers ?? 0) === 0;
}

/** Pairs of halves by position * theta^(-2f / R), R of a head's numbers. */
function rotation({ rope_theta, partial_rotary_factor }: Config): NonNullable<PlainModelLayer["turn"]> {
  const [theta, share] = [(rope_theta ?? 10_000) as number, (partial_rotary_factor ?? 1) as number];
  return (head, position) => {
    const R = Math.trunc(head.length * share);
    return head.map((x, n) => {
      if (n >= R) return x;
      const angle = position * theta ** ((-2 * (n % (R / 2))) / R);
      const partner = n < R / 2 ? -head[n + R / 2]! : head[n - R / 2]!;
      return x * Math.cos(angle) + partner * Math.sin(angle);
    });
  };
}
