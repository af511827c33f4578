// How families of models name the tensors of an attention layer, and what else its output depends on.

import { AttentionError } from "../errors.ts";
import type { FromStateDictOptions } from "../multi-head-attention.ts";
import type { Weights } from "./checkpoint.ts";
import { type HeadName, type ModelConfig, rotaryOf, windowOf } from "./config.ts";

/** @internal A layer as its family sees it. */
export interface Place {
  /** The layer's name; its tensors' names begin with it and a dot. */
  readonly module: string;
  readonly kind: "self" | "cross";
  readonly config: ModelConfig;
  readonly weights: Weights;
}

/** @internal What a family adds to the options of a layer once its weights are read. */
export type Settings = Pick<
  FromStateDictOptions,
  "numKvHeads" | "rotary" | "scale" | "relativeBias" | "window"
>;

/** @internal A family of models. */
export interface Family {
  /** The name of one tensor of each layer, from which the layer's name is had. */
  readonly anchor: RegExp;
  /** Which layers attend to other tokens than their own. Default none. */
  readonly cross?: RegExp;
  /** Query, key and value; of one tensor for all three its name alone. PyTorch's own layers: none. */
  readonly inputs: readonly string[];
  readonly output: string;
  /** Whether the projections have biases always; else those of query, key and value are all there or none. */
  readonly biased?: boolean;
  /** Weights are `[depth, columns]`. */
  readonly transposed?: boolean;
  /** Further names that the layer reads. */
  readonly further?: readonly string[];
  /** What lies beneath the layer's name and does not belong to its attention. */
  readonly ignored?: RegExp;
  /** The usual name of the number of heads. */
  readonly heads: HeadName;
  /** `model_type`s whose attention is this one; another is refused. None: any. */
  readonly types: readonly string[];
  /** Values of the configuration beside which the layer would compute something else. */
  readonly expected?: Readonly<Record<string, readonly unknown[]>>;
  readonly causal?: (place: Place) => boolean;
  readonly settings?: (place: Place, headDim: number) => Settings | Promise<Settings>;
}

/** Which models name their layers so: `"llama"` also Mistral and Qwen, `"torch"` PyTorch's own modules. */
export type AttentionFamily = "bert" | "distilbert" | "vit" | "timm" | "gpt2" | "llama" | "t5" | "torch";

const families: Readonly<Record<AttentionFamily, Family>> = {
  bert: {
    anchor: /^(.*\b(?:cross)?attention)\.self\.query\.weight$/,
    cross: /crossattention$/,
    inputs: ["self.query", "self.key", "self.value"],
    output: "output.dense",
    ignored: /^output\.LayerNorm\./,
    biased: true,
    heads: "num_attention_heads",
    types: ["bert", "roberta", "xlm-roberta", "camembert", "electra"],
    expected: { position_embedding_type: ["absolute"] },
    causal: ({ config }) => config.is_decoder === true,
  },
  distilbert: {
    anchor: /^(.*\battention)\.q_lin\.weight$/,
    inputs: ["q_lin", "k_lin", "v_lin"],
    output: "out_lin",
    biased: true,
    heads: "n_heads",
    types: ["distilbert"],
  },
  vit: {
    anchor: /^(.*\battention)\.attention\.query\.weight$/,
    inputs: ["attention.query", "attention.key", "attention.value"],
    output: "output.dense",
    heads: "num_attention_heads",
    types: ["vit", "deit", "dinov2"],
  },
  timm: {
    anchor: /^(.*\battn)\.qkv\.weight$/,
    inputs: ["qkv"],
    output: "proj",
    heads: "num_heads",
    types: [],
  },
  gpt2: {
    anchor: /^(.*\battn)\.c_attn\.weight$/,
    inputs: ["c_attn"],
    output: "c_proj",
    transposed: true,
    // The causal mask, and what its other places were filled with.
    ignored: /^(masked_)?bias$/,
    biased: true,
    heads: "n_head",
    types: ["gpt2"],
    expected: { scale_attn_weights: [true], scale_attn_by_inverse_layer_idx: [false] },
    causal: () => true,
  },
  llama: {
    anchor: /^(.*\bself_attn)\.o_proj\.weight$/,
    inputs: ["q_proj", "k_proj", "v_proj"],
    output: "o_proj",
    further: ["q_norm.weight", "k_norm.weight"],
    ignored: /^rotary_emb\./,
    heads: "num_attention_heads",
    types: ["llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe"],
    causal: () => true,
    settings: llamaSettings,
  },
  t5: {
    anchor: /^(.*\b(?:SelfAttention|EncDecAttention))\.q\.weight$/,
    cross: /EncDecAttention$/,
    inputs: ["q", "k", "v"],
    output: "o",
    // Old checkpoints have a table beneath cross-attention, too, which no model reads.
    ignored: /^relative_attention_bias\.weight$/,
    heads: "num_heads",
    types: ["t5", "mt5", "umt5"],
    causal: ({ module }) => isDecoder(module),
    settings: t5Settings,
  },
  torch: {
    anchor: /^(?:(.*)\.)?(?:in_proj_weight|q_proj_weight)$/,
    cross: /\bmultihead_attn$/,
    inputs: [],
    output: "out_proj",
    heads: "nhead",
    types: [],
    // A layer of nn.TransformerDecoder is known by its second attention; in training its first one is masked.
    causal: ({ module, weights }) => {
      const second = module.replace(/\bself_attn$/, "multihead_attn");
      return second !== module && weights.names.some((name) => name.startsWith(`${second}.`));
    },
  },
};

/** @internal The families in the order in which they are tried; no tensor is the anchor of two. */
export const familyList: readonly (readonly [AttentionFamily, Family])[] = Object.entries(families) as [
  AttentionFamily,
  Family,
][];

function llamaSettings({ module, config, weights }: Place, headDim: number): Settings {
  const normed = weights.known.has(`${module}.q_norm.weight`);
  if (normed && (config.rms_norm_eps ?? 1e-6) !== 1e-6)
    throw new AttentionError(
      "ERR_UNSUPPORTED",
      `"config.rms_norm_eps" expected 1e-6 beside norms of queries and keys, got ${config.rms_norm_eps}`,
    );
  const index = Number(/\d+(?=\.self_attn$)/.exec(module));
  return { rotary: rotaryOf(config, headDim), window: windowOf(config, index) };
}

/** Scores are not scaled, and all blocks of a stack add the table of the first one. */
async function t5Settings({ module, kind, config, weights }: Place): Promise<Settings> {
  if (kind === "cross") return { scale: 1 };
  const tableOf = (block: string): string => `${block}.relative_attention_bias.weight`;
  const own = tableOf(module);
  const first = tableOf(module.replace(/\bblock\.\d+\./, "block.0."));
  return {
    scale: 1,
    relativeBias: {
      table: await weights.read(weights.known.has(own) ? own : first),
      bidirectional: !isDecoder(module),
      maxDistance: (config.relative_attention_max_distance ?? 128) as number,
    },
  };
}

function isDecoder(module: string): boolean {
  return /\bdecoder\./.test(module);
}
