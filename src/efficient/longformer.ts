import type { MaskPredicate } from "../block-mask.ts";
import { AttentionError } from "../errors.ts";
import { checkWhole, readOptions } from "../validate/options.ts";
import { readWholeVector } from "../validate/vector.ts";

/** Sizes of Longformer's pattern, in tokens. */
export interface LongformerOptions {
  /** The paper's w: each query sees floor(w / 2) keys on either side, and its own. */
  readonly window: number;
  /**
   * Steps between the keys of the window: 2 sees every other one, twice as far. One number for all heads or one for each
   * (the paper dilates a few heads of the upper layers). Default 1.
   */
  readonly dilation?: number | readonly number[] | undefined;
  /** Positions that attend to everything and that everything attends to. Default none. */
  readonly globalTokens?: readonly number[] | undefined;
}

const names: ReadonlySet<string> = new Set(["window", "dilation", "globalTokens"]);

/**
 * Longformer's pattern (Beltagy, Peters and Cohan 2020, "Longformer: The Long-Document Transformer") as a predicate for
 * `createBlockMask`: a sliding window, dilated where asked, and tokens that are global in both directions. The paper's
 * second set of projections for global tokens is the caller's: run those rows as an attention of their own.
 *
 * A row that is not global costs window + 1 keys and the global ones. Blocks of a dilated window are partial, and those
 * are computed whole: dilation widens the view, it saves nothing against a window as wide.
 *
 * @throws AttentionError `ERR_OPTION` for numbers that are not whole or out of range; the predicate throws `ERR_SHAPE`
 *   where a mask has more heads than `dilation` has numbers
 *
 * @example
 * ```ts
 * import { createBlockMask } from "wasm-attention";
 * import { longformer } from "wasm-attention/efficient";
 * const pattern = longformer({ window: 512, globalTokens: [0] });
 * const mask = createBlockMask(pattern, { L: 4096, S: 4096 });
 * console.log(mask.count()); // { empty: 3422, full: 436, partial: 238 }
 * ```
 */
export function longformer(given: LongformerOptions): MaskPredicate {
  const options = readOptions(given, names);
  const { window, dilation = 1, globalTokens = [] } = options;
  checkWhole("window", window);
  const steps = typeof dilation === "number" ? [dilation] : readWholeVector("dilation", dilation);
  for (const step of steps) checkWhole("dilation", step, 1);
  const tokens = readWholeVector("globalTokens", globalTokens);
  for (const token of tokens) checkWhole("globalTokens", token);
  const global = new Set(tokens);
  const side = Math.floor(window / 2);
  const perHead = typeof dilation !== "number";
  return (_b, h, i, j) => {
    const step = steps[perHead ? h : 0];
    if (step === undefined) throw tooFew(steps.length, h);
    const distance = Math.abs(i - j);
    if (distance <= side * step && distance % step === 0) return true;
    return global.size > 0 && (global.has(i) || global.has(j));
  };
}

function tooFew(count: number, h: number): AttentionError {
  return new AttentionError(
    "ERR_SHAPE",
    `"dilation" expected a number for each head, got ${count} and was asked for head ${h}`,
  );
}
