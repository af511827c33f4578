import type { Engine } from "../engine.ts";
import { AttentionError } from "../errors.ts";
import { isA } from "../is-a.ts";
import { MultiHeadAttention } from "../multi-head-attention.ts";
import { shapeOf } from "../tensor-like.ts";
import { readOptions } from "../validate/options.ts";
import { type Checkpoint, weightsOf } from "./checkpoint.ts";
import { checkDepth, checkModel, headsOf, type ModelConfig, readConfig } from "./config.ts";
import { type AttentionFamily, type Family, familyList, type Place } from "./families.ts";
import { namesBeneath, readState } from "./state-dict.ts";

/** An attention layer of a checkpoint. */
export interface FoundAttention {
  /** What its tensors' names begin with, such as `"bert.encoder.layer.0.attention"`; `""` for one on its own. */
  readonly name: string;
  /** Whose names these are. */
  readonly family: AttentionFamily;
  /** Whether it attends to its own tokens or to others, such as an encoder's. */
  readonly kind: "self" | "cross";
  /** For `forward`: what the model's own code passes, whatever the text. */
  readonly options: { readonly causal: boolean };
  /** Reads the layer's weights, and makes it: heads, scale, positions and window are those of the model. */
  load(options?: { readonly engine?: Engine | undefined }): Promise<MultiHeadAttention>;
}

/**
 * Finds the attention layers of a checkpoint by their names: BERT, RoBERTa, ELECTRA, DistilBERT, GPT-2, Llama, Mistral,
 * Qwen2, Qwen3, T5, mT5, ViT (Hugging Face's and timm's), and `nn.MultiheadAttention` wherever it stands, as in
 * `nn.Transformer`. Nothing is read before `load`.
 *
 * @param checkpoint From `openSafetensors`, or tensors by name; F64 is rounded to float32.
 * @param given The object in the model's config.json. Weights do not tell the number of heads, so it is needed; any
 *   of the names that configurations use for it will do.
 * @returns The layers, layer 2 before layer 10; none where no name is known.
 * @throws AttentionError `ERR_OPTION` where the number of heads is missing or that of layers is another, `ERR_UNSUPPORTED` for a model that
 *   uses the names for another attention, for tensors beneath a layer's name that it does not read, and for biases that
 *   its family has and the checkpoint has not; `load` rejects for what is missing, and for sizes that do not
 *   fit each other or the config
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { findAttentionLayers } from "wasm-attention/checkpoints";
 * const names = ["self.query", "self.key", "self.value", "output.dense"].map((name) => `encoder.layer.0.attention.${name}`);
 * const checkpoint = Object.fromEntries(
 *   names.flatMap((name) => [
 *     [`${name}.weight`, tensor(new Float32Array(64), [8, 8])],
 *     [`${name}.bias`, tensor(new Float32Array(8), [8])],
 *   ]),
 * );
 * const [found] = findAttentionLayers(checkpoint, { num_attention_heads: 2 });
 * console.log(found?.name, found?.family, found?.kind); // encoder.layer.0.attention bert self
 * const layer = await found!.load();
 * console.log(layer.forwardSync(tensor(new Float32Array(24), [3, 8]), found!.options).output.shape); // [ 3, 8 ]
 * ```
 */
export function findAttentionLayers(checkpoint: Checkpoint, given: ModelConfig = {}): FoundAttention[] {
  const weights = weightsOf(checkpoint);
  const config = readConfig(given);
  const found: FoundAttention[] = [];
  for (const anchor of weights.names)
    for (const [name, family] of familyList) {
      const match = family.anchor.exec(anchor);
      if (match === null) continue;
      const module = match[1] ?? "";
      const kind = family.cross?.test(module) ? "cross" : "self";
      found.push(describeLayer(name, family, { module, kind, config, weights }));
    }
  for (const [name] of familyList)
    checkDepth(
      config,
      found.filter(({ family }) => family === name).map((layer) => layer.name),
    );
  const { compare } = new Intl.Collator("en", { numeric: true });
  return found.sort((a, b) => compare(a.name, b.name));
}

function describeLayer(name: AttentionFamily, family: Family, place: Place): FoundAttention {
  const { module, kind, config } = place;
  checkModel(config, module, family.types, family.expected ?? {});
  checkBeneath(family, place);
  checkBiases(family, place);
  const numHeads = headsOf(config, module, family.heads);
  return {
    name: module,
    family: name,
    kind,
    options: { causal: kind === "self" && (family.causal?.(place) ?? false) },
    load: async (options = {}) => {
      readOptions(options, loadNames);
      const state = await readState(family, place, numHeads);
      const rows = state.q_proj_weight ? shapeOf(state.q_proj_weight)[0]! : 0;
      const headDim = rows / numHeads;
      const numKvHeads =
        state.k_proj_weight && headDim > 0 ? shapeOf(state.k_proj_weight)[0]! / headDim : undefined;
      const settings = await family.settings?.(place, headDim);
      const make = (): MultiHeadAttention =>
        MultiHeadAttention.fromStateDict(state, { numHeads, numKvHeads, ...settings, ...options });
      return inModule(module, Object.keys(state), make);
    },
  };
}

/** PyTorch's own names are what a layer calls its tensors: in a checkpoint the module's name stands before them. */
function inModule(
  module: string,
  names: readonly string[],
  make: () => MultiHeadAttention,
): MultiHeadAttention {
  try {
    return make();
  } catch (cause) {
    if (module === "" || !isA(cause, AttentionError)) throw cause;
    const spelled = cause.message.replaceAll(/"([\w.]+)"/g, (quoted, name) =>
      names.includes(name) ? `"${module}.${name}"` : quoted,
    );
    throw new AttentionError(cause.code, spelled, { cause });
  }
}

const loadNames: ReadonlySet<string> = new Set(["engine"]);

/** A tensor that is passed over would be a part of the model that is not computed. */
function checkBeneath(family: Family, { module, weights }: Place): void {
  const { inputs, output, further = [], ignored } = family;
  if (inputs.length === 0) return; // fromStateDict checks PyTorch's own names
  const known = [...[...inputs, output].flatMap((name) => [`${name}.weight`, `${name}.bias`]), ...further];
  const stranger = namesBeneath(module, weights.names).find(
    (name) => !known.includes(name) && !ignored?.test(name),
  );
  if (stranger !== undefined)
    throw new AttentionError(
      "ERR_UNSUPPORTED",
      `"${module}" has a tensor "${stranger}"; expected ${known.join(", ")}`,
    );
}

/** A bias that is missing from a file that was cut would be taken for one of zeros. */
function checkBiases({ inputs, output, biased = false }: Family, { module, weights }: Place): void {
  const absent = (name: string): boolean => !weights.known.has(`${module}.${name}.bias`);
  const expected = biased ? [...inputs, output] : inputs;
  const missing = expected.filter(absent);
  if (missing.length === 0 || (!biased && missing.length === inputs.length)) return;
  throw new AttentionError(
    "ERR_UNSUPPORTED",
    `"${module}" has no tensor "${missing[0]}.bias"; expected ${expected.map((name) => `${name}.bias`).join(", ")}`,
  );
}
