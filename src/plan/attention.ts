// Which kernel runs an attention, in which pieces. Pure: sizes in, program out.

import { KEY_BLOCK, PANEL } from "../engine/generated/kernels.ts";
import { type Operand, Program } from "../engine/program.ts";
import type { AttentionProblem } from "../validate/attention.ts";
import type { HeadLayout } from "../validate/heads.ts";
import type { SpreadMask } from "../validate/mask.ts";

/** Where results go; those that are absent are not made. */
export interface AttentionTargets {
  readonly output: Float32Array;
  readonly outputLayout: HeadLayout;
  readonly logSumExp?: Float32Array;
  readonly weights?: Float32Array;
}

/** Panels that share a pass over the keys: 48 queries read a key six times less often than 8, and fit the L1 cache. */
const MOST_PANELS = 6;
/** Enough tiles that threads end together, and no more panels apart than that needs. */
const ENOUGH_TILES = 32;
/** A step of a tile stays under a millisecond: at 25 GFLOP/s this many operations. */
const STEP_WORK = 2e7;
/** Scratch of a panel beside its queries and sums, bytes. */
const PANEL_HEADER = 416;
const MOST_SCRATCH = 1024 * 1024;

/** Wider than any key length, and small enough to be added to a position. */
const UNBOUNDED: number = 2 ** 30;

const similarities = ["dot", "cosine", "root-norm"] as const;

/** The program of a checked attention. */
export function planAttention(problem: AttentionProblem, targets: AttentionTargets): Program {
  const program = new Program("scaledDotProductAttention");
  addAttention(
    program,
    problem,
    {
      query: program.input(problem.query.data as Float32Array),
      key: program.input(problem.key.data as Float32Array),
      value: program.input(problem.value.data as Float32Array),
      output: program.output(targets.output),
      logSumExp: targets.logSumExp && program.output(targets.logSumExp),
      weights: targets.weights && program.output(targets.weights),
    },
    targets.outputLayout,
  );
  return program;
}

/** Operands of an attention, inside a program of its own or of a layer. */
export interface AttentionOperands {
  readonly query: Operand;
  readonly key: Operand;
  readonly value: Operand;
  readonly output: Operand;
  readonly logSumExp?: Operand;
  readonly weights?: Operand;
}

/** An attention without its data: in a layer the projections write it. */
export interface AttentionShape extends Omit<AttentionProblem, "query" | "key" | "value"> {
  readonly query: HeadLayout;
  readonly key: HeadLayout;
  readonly value: HeadLayout;
}

/** Adds an attention to a program. */
export function addAttention(
  program: Program,
  problem: AttentionShape,
  operands: AttentionOperands,
  output: HeadLayout,
): void {
  const { B, H, K, L, S, E, V, scale, similarity } = problem;
  const group = K === 0 ? 0 : H / K;
  const cut = cutAttention(problem);
  const masks = maskParameters(program, problem);
  const plain = masks.mask === undefined && masks.bias === undefined && similarity === "dot" && scale > 0;
  program.stage(
    "attention",
    {
      ...operands,
      ...masks,
      ...positions(program, problem),
      kvHeads: K,
      group,
      queryLength: L,
      keyLength: S,
      headSize: E,
      valueSize: V,
      panels: cut.panels,
      tilesPerGroup: cut.tilesPerGroup,
      keysPerStep: cut.keysPerStep,
      similarity: similarities.indexOf(similarity),
      finalScores: plain ? 0 : 1,
      scale,
      ...strides("query", problem.query),
      ...strides("key", problem.key),
      ...strides("value", problem.value),
      ...strides("output", output),
    },
    {
      tiles: B * K * cut.tilesPerGroup,
      steps: Math.max(1, Math.ceil(S / cut.keysPerStep)),
      scratch: cut.scratch,
      work: 2 * B * H * L * S * (E + V),
    },
  );
}

/** How many panels a tile holds, and how many keys a step. Neither changes a bit of any row. */
function cutAttention({ B, H, K, L, E, V }: AttentionShape): {
  panels: number;
  tilesPerGroup: number;
  keysPerStep: number;
  scratch: number;
} {
  const groupPanels = K === 0 ? 0 : Math.ceil(((H / K) * L) / PANEL);
  const panelBytes = PANEL_HEADER + (E + V) * PANEL * 4;
  const blockBytes = KEY_BLOCK * PANEL * 4;
  const fitting = Math.max(1, Math.floor((MOST_SCRATCH - blockBytes) / panelBytes));
  const panels = Math.max(
    1,
    Math.min(MOST_PANELS, fitting, Math.floor((B * K * groupPanels) / ENOUGH_TILES)),
  );
  const keyWork = 2 * panels * PANEL * Math.max(1, E + V);
  return {
    panels,
    tilesPerGroup: Math.ceil(groupPanels / panels),
    keysPerStep: Math.max(1, Math.floor(STEP_WORK / keyWork / KEY_BLOCK)) * KEY_BLOCK,
    scratch: blockBytes + panels * panelBytes,
  };
}

type Name = "query" | "key" | "value" | "output";
type Strides<N extends Name> = Record<`${N}BatchStride` | `${N}HeadStride` | `${N}RowStride`, number>;

function strides<N extends Name>(name: N, { batchStride, headStride, rowStride }: HeadLayout): Strides<N> {
  return {
    [`${name}BatchStride`]: batchStride * 4,
    [`${name}HeadStride`]: headStride * 4,
    [`${name}RowStride`]: rowStride * 4,
  } as Strides<N>;
}

/** Causality is a window that ends at the query itself. */
function positions(
  program: Program,
  { causal, window, offsets, lengths, S }: AttentionShape,
): { left: number; right: number; offset: number; offsets?: Operand; lengths?: Operand } {
  const [left, right] = window.map((n) => Math.min(n, UNBOUNDED)) as [number, number];
  const offset = offsets[0] ?? 0;
  return {
    left,
    right: causal ? 0 : right,
    offset,
    offsets: offsets.every((n) => n === offset) ? undefined : program.input(Int32Array.from(offsets)),
    lengths: lengths.every((n) => n === S) ? undefined : program.input(Int32Array.from(lengths)),
  };
}

interface MaskParameters {
  mask?: Operand;
  bias?: Operand;
  secondBias?: Operand;
}

/** A boolean mask is one operand, additive ones are up to two, each with its strides. */
function maskParameters(program: Program, { mask, bias }: AttentionShape): MaskParameters {
  const additive = [mask?.boolean === false ? mask : undefined, bias].filter((term) => term !== undefined);
  return {
    ...(mask?.boolean ? maskOperand(program, "mask", mask, 1) : {}),
    ...(additive[0] ? maskOperand(program, "bias", additive[0], 4) : {}),
    ...(additive[1] ? maskOperand(program, "secondBias", additive[1], 4) : {}),
  };
}

function maskOperand(
  program: Program,
  name: keyof MaskParameters,
  mask: SpreadMask,
  bytes: number,
): MaskParameters {
  const [batch, head, row, key] = mask.strides as [number, number, number, number];
  return {
    [name]: program.input(mask.data),
    [`${name}BatchStride`]: batch * bytes,
    [`${name}HeadStride`]: head * bytes,
    [`${name}RowStride`]: row * bytes,
    [`${name}KeyStride`]: key * bytes,
  };
}
