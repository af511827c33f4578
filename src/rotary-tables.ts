import { describe } from "./describe.ts";
import { cosine, LARGEST_ANGLE, logarithm, power, sine } from "./elementary.ts";
import { AttentionError } from "./errors.ts";
import { unreadable } from "./tensor-like.ts";
import { checkChoice, checkFlag, checkNumber, checkWhole } from "./validate/options.ts";

/**
 * How frequencies were changed so that a model reads longer texts: the `rope_scaling` object of a Hugging Face
 * configuration as it stands there, `null` being the same as absent. What is not listed is not read.
 */
export interface RotaryScaling {
  /** `"default"`, `"linear"`, `"llama3"` or `"yarn"`. */
  readonly rope_type?: string | null | undefined;
  /** The older name of `rope_type`. */
  readonly type?: string | null | undefined;
  /** The base, where newer configurations keep it. `base` in the options wins. */
  readonly rope_theta?: number | null | undefined;
  /** By how much the positions are squeezed. */
  readonly factor?: number | null | undefined;
  /** The length the model was trained for first. */
  readonly original_max_position_embeddings?: number | null | undefined;
  /** llama3: pairs that turn less often than this over the original length are squeezed in full. */
  readonly low_freq_factor?: number | null | undefined;
  /** llama3: pairs that turn more often than this are left alone. */
  readonly high_freq_factor?: number | null | undefined;
  /** yarn: pairs that turn more often than this are left alone. Default 32. */
  readonly beta_fast?: number | null | undefined;
  /** yarn: pairs that turn less often than this are squeezed in full. Default 1. */
  readonly beta_slow?: number | null | undefined;
  /** yarn: whether the two pairs between which the change is gradual are whole numbers. Default `true`. */
  readonly truncate?: boolean | null | undefined;
  /** yarn: what cosines and sines are multiplied by. Default: from `factor`, `mscale` and `mscale_all_dim`. */
  readonly attention_factor?: number | null | undefined;
  /** yarn: what the default of `attention_factor` multiplies its logarithm by, where `mscale_all_dim` is given too. */
  readonly mscale?: number | null | undefined;
  /** yarn: the same for what it is then divided by. */
  readonly mscale_all_dim?: number | null | undefined;
}

/** Which angles a rotary embedding turns by. */
export interface RotaryOptions {
  /** How many of a row's numbers are rotated, in pairs. */
  readonly dim: number;
  /** Default 10000. */
  readonly base?: number | undefined;
  readonly scaling?: RotaryScaling | null | undefined;
}

/** What {@link inverseFrequencies} gives. */
export interface RotaryFrequencies {
  /** `[dim / 2]`: the angle, in radians, by which pair f turns from one position to the next. */
  readonly frequencies: Float64Array;
  /** What cosines and sines are multiplied by: 1 but for YaRN. */
  readonly attentionFactor: number;
}

/**
 * The angles per position of a rotary embedding ("RoFormer", Su and others 2021): base^(-2f / dim) for pair f, changed
 * as `scaling` says. Each pair is a mixture of its frequency and of the frequency divided by `factor`:
 *
 * - `linear` divides all ("Extending Context Window of Large Language Models via Positional Interpolation", Chen and
 *   others 2023);
 * - `llama3` mixes by how often a pair turns over the original length, as Llama 3.1's published code;
 * - `yarn` mixes by the pair's number between the two that turn `beta_fast` and `beta_slow` times ("YaRN: Efficient
 *   Context Window Extension of Large Language Models", Peng and others 2023, as in the authors' code and in
 *   transformers: the paper's text mixes by turns). Cosines and sines grow by 0.1 ln(factor) + 1, which is the paper's
 *   temperature; `mscale` and `mscale_all_dim` are DeepSeek's. The scale that DeepSeek's attention multiplies by the
 *   square of the latter is for the caller to pass.
 *
 * @throws AttentionError `ERR_OPTION` for a dim that is not even, for unknown types of scaling, and for numbers of it
 *   that are missing or out of range, naming them.
 */
export function inverseFrequencies(options: RotaryOptions): RotaryFrequencies {
  const { dim } = options;
  const scaling = readScaling(options.scaling);
  checkWhole("dim", dim, 2);
  if (dim % 2 !== 0) throw new AttentionError("ERR_OPTION", `"dim" expected an even number, got ${dim}`);
  const base = positive("base", options.base ?? scaling.rope_theta ?? 10_000);
  const frequencies = Float64Array.from({ length: dim / 2 }, (_, f) => power(base, (-2 * f) / dim));

  const type = options.scaling ? (scaling.rope_type ?? scaling.type) : "default";
  checkChoice("scaling.rope_type", type, ["default", "linear", "llama3", "yarn"]);
  if (type === "default") return { frequencies, attentionFactor: 1 };
  const factor = positive("scaling.factor", scaling.factor);
  const kept =
    type === "llama3" ? keptByLlama3(scaling) : type === "yarn" ? keptByYarn(scaling, base, dim) : zero;
  for (let f = 0; f < frequencies.length; f++) {
    const frequency = frequencies[f]!;
    const share = kept(frequency, f);
    frequencies[f] = share * frequency + ((1 - share) * frequency) / factor;
  }
  return { frequencies, attentionFactor: type === "yarn" ? yarnAttentionFactor(scaling, factor) : 1 };
}

/** A configuration has much that is not read here; what is read is read once. */
function readScaling(scaling: RotaryScaling | null | undefined): RotaryScaling {
  if (scaling === undefined || scaling === null) return {};
  if (typeof scaling !== "object")
    throw new AttentionError("ERR_OPTION", `"scaling" expected an object, got ${describe(scaling)}`);
  try {
    return { ...scaling };
  } catch (cause) {
    throw unreadable("scaling", cause);
  }
}

/** Which share of its unchanged frequency a pair keeps. */
type Kept = (frequency: number, pair: number) => number;

const zero: Kept = () => 0;

function keptByLlama3(scaling: RotaryScaling): Kept {
  const length = positive(
    "scaling.original_max_position_embeddings",
    scaling.original_max_position_embeddings,
  );
  const low = positive("scaling.low_freq_factor", scaling.low_freq_factor);
  const high = positive("scaling.high_freq_factor", scaling.high_freq_factor);
  if (high <= low)
    throw new AttentionError(
      "ERR_OPTION",
      `"scaling.high_freq_factor" expected a number above low_freq_factor ${low}, got ${high}`,
    );
  return (frequency) => clamp(((length * frequency) / TURN - low) / (high - low));
}

function keptByYarn(scaling: RotaryScaling, base: number, dim: number): Kept {
  const length = positive(
    "scaling.original_max_position_embeddings",
    scaling.original_max_position_embeddings,
  );
  const fast = positive("scaling.beta_fast", scaling.beta_fast ?? 32);
  const slow = positive("scaling.beta_slow", scaling.beta_slow ?? 1);
  checkNumber("scaling.beta_fast", fast, slow);
  if (base <= 1)
    throw new AttentionError("ERR_OPTION", `"base" expected a number above 1 for yarn, got ${base}`);
  const truncate = scaling.truncate ?? true;
  checkFlag("scaling.truncate", truncate);
  // Where base^(-2f / dim) turns so often over the original length: seldom a whole number.
  const pairThatTurns = (turns: number) => (dim * logarithm(length / (turns * TURN))) / (2 * logarithm(base));
  const [from, to] = [pairThatTurns(fast), pairThatTurns(slow)];
  const low = Math.max(truncate ? Math.floor(from) : from, 0);
  // Pairs end at dim / 2, this bound at dim: so published, and so trained.
  let high = Math.min(truncate ? Math.ceil(to) : to, dim - 1);
  if (high === low) high += 0.001;
  return (_, pair) => 1 - clamp((pair - low) / (high - low));
}

function yarnAttentionFactor(scaling: RotaryScaling, factor: number): number {
  const { attention_factor, mscale, mscale_all_dim } = scaling;
  if (attention_factor != null) return positive("scaling.attention_factor", attention_factor);
  const growth = factor > 1 ? 0.1 * logarithm(factor) : 0;
  // 0 is absent here, in transformers and in the configurations that spell it out.
  if (!mscale || !mscale_all_dim) return growth + 1;
  checkNumber("scaling.mscale", mscale);
  checkNumber("scaling.mscale_all_dim", mscale_all_dim);
  return (growth * mscale + 1) / (growth * mscale_all_dim + 1);
}

/** 2 pi. */
const TURN = 6.283185307179586;

function clamp(x: number): number {
  return Math.min(Math.max(x, 0), 1);
}

function positive(name: string, value: unknown): number {
  if (typeof value === "number" && value > 0 && value < Number.POSITIVE_INFINITY) return value;
  throw new AttentionError("ERR_OPTION", `"${name}" expected a positive number, got ${describe(value)}`);
}

/** Cosines and sines of a rotary embedding, each `[rows, dim / 2]`. */
export interface RotaryTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Cosines and sines of position times {@link inverseFrequencies}, a row for each position. They are the same whether
 * pairs are halves or neighbours (`interleaved`): that matters where they are applied. Angles are float64, the results
 * are rounded once, and `Math.sin` has no part in them: the same bits everywhere. Models in PyTorch mostly keep the
 * angles in float32, so that theirs are up to 2^-23 of the angle off.
 *
 * @param positions Any numbers in any order, fractions too.
 * @throws AttentionError `ERR_OPTION` as {@link inverseFrequencies}, and for positions that are not finite or turn a
 *   pair by more than 2^31 radians.
 */
export function rotaryTables(positions: ArrayLike<number>, options: RotaryOptions): RotaryTables {
  const { frequencies, attentionFactor } = inverseFrequencies(options);
  const pairs = frequencies.length;
  const cos = new Float32Array(positions.length * pairs);
  const sin = new Float32Array(positions.length * pairs);
  for (let row = 0; row < positions.length; row++) {
    for (let f = 0; f < pairs; f++) {
      const angle = positions[row]! * frequencies[f]!;
      if (!(Math.abs(angle) <= LARGEST_ANGLE))
        throw new AttentionError(
          "ERR_OPTION",
          `"positions" expected finite numbers whose angles are within ±2^31 radians, got ${describe(positions[row])} at position ${row}`,
        );
      cos[row * pairs + f] = attentionFactor * cosine(angle);
      sin[row * pairs + f] = attentionFactor * sine(angle);
    }
  }
  return { cos, sin };
}
