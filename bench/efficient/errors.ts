/** How far each approximation is from exact attention: the root of the mean squared error over that of the output. */
import { createBlockMask, type Engine, type MaskPredicate, type Tensor, tensor } from "wasm-attention";
import {
  bigBird,
  linformerAttentionSync,
  longformer,
  orthogonalRandomFeatures,
  performerAttentionSync,
  poolingProjection,
  randomProjection,
} from "wasm-attention/efficient";
import { drawSequence, type Kind, kinds, type Sequence } from "./inputs.ts";

const [L, E] = [4096, 64];
/** Sequences of a kind, each with its own directions and projections. */
const draws = 4;
const sizes = [64, 128, 256, 512];

/** Errors of one kind of sequence, by approximation and, where there is one, size. */
export interface KindErrors extends Kind {
  readonly errors: Readonly<Record<string, number>>;
}

export interface Errors {
  readonly L: number;
  readonly E: number;
  readonly draws: number;
  readonly sizes: readonly number[];
  /** Share of the scores that a pattern keeps. */
  readonly shares: Readonly<Record<string, number>>;
  readonly kinds: readonly KindErrors[];
}

type Attention = (sequence: Sequence, draw: number) => Float32Array;

/** The patterns, as the documentation shows them. */
const patterns: Readonly<Record<string, MaskPredicate>> = {
  longformer: longformer({ window: 512, globalTokens: [0] }),
  bigBird: bigBird({ length: L }),
};

export function measureErrors(engine: Engine): Errors {
  const masks = Object.entries(patterns).map(([name, pattern]) => ({
    name,
    share: shareOf(pattern),
    blockMask: createBlockMask(pattern, { L, S: L }),
  }));
  const attentions: Record<string, Attention> = { mean: ({ value }) => meanOfRows(value) };
  for (const { name, blockMask } of masks)
    attentions[name] = ({ query, key, value }) =>
      engine.scaledDotProductAttentionSync(rows(query), rows(key), rows(value), { blockMask }).output.data;
  for (const size of sizes) Object.assign(attentions, approximationsOf(engine, size));
  return {
    L,
    E,
    draws,
    sizes,
    shares: Object.fromEntries(masks.map(({ name, share }) => [name, share])),
    kinds: kinds.map((kind) => ({ ...kind, errors: errorsOf(engine, kind, attentions) })),
  };
}

function approximationsOf(engine: Engine, size: number): Record<string, Attention> {
  const linformer =
    (project: (rows: number, columns: number, seed: number) => Tensor): Attention =>
    ({ query, key, value }, draw) => {
      const keyProjection = project(size, L, draw);
      return linformerAttentionSync(rows(query), rows(key), rows(value), { keyProjection, engine }).output
        .data;
    };
  return {
    [`performer-${size}`]: ({ query, key, value }, draw) => {
      const features = orthogonalRandomFeatures(size, E, draw);
      return performerAttentionSync(rows(query), rows(key), rows(value), { features, engine }).output.data;
    },
    [`pooling-${size}`]: linformer(poolingProjection),
    [`projection-${size}`]: linformer(randomProjection),
  };
}

function errorsOf(engine: Engine, kind: Kind, attentions: Record<string, Attention>): Record<string, number> {
  const squares = Object.fromEntries(Object.keys(attentions).map((name) => [name, 0]));
  let total = 0;
  for (let draw = 0; draw < draws; draw++) {
    const sequence = drawSequence(kind, L, E, 100 + draw);
    const { query, key, value } = sequence;
    const exact = engine.scaledDotProductAttentionSync(rows(query), rows(key), rows(value)).output.data;
    for (const x of exact) total += x * x;
    for (const [name, attention] of Object.entries(attentions)) {
      const output = attention(sequence, draw);
      for (let n = 0; n < exact.length; n++) squares[name] += (output[n] - exact[n]) ** 2;
    }
  }
  return Object.fromEntries(Object.entries(squares).map(([name, sum]) => [name, Math.sqrt(sum / total)]));
}

function rows(data: Float32Array) {
  return tensor(data, [L, E]);
}

/** What attention would be with even weights: an approximation that is no better has learnt nothing of the scores. */
function meanOfRows(value: Float32Array): Float32Array {
  const mean = new Float64Array(E);
  for (let n = 0; n < value.length; n++) mean[n % E] += value[n] / L;
  return value.map((_, n) => mean[n % E]);
}

function shareOf(pattern: MaskPredicate): number {
  let kept = 0;
  for (let i = 0; i < L; i++) for (let j = 0; j < L; j++) if (pattern(0, 0, i, j)) kept++;
  return kept / (L * L);
}
