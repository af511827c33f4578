/** What the page and the worker that measures say to one another. */
import type { AttentionSize } from "../../../src/cli/measure/baselines.ts";

export interface Order {
  readonly size: AttentionSize;
  /** Threads of the kernels that are timed on several. */
  readonly threads: number;
}

export type Report =
  | {
      readonly kind: "progress";
      /** From 0 to 1. */
      readonly done: number;
      readonly doing: string;
    }
  | { readonly kind: "rows"; readonly rows: readonly Row[] }
  | { readonly kind: "done"; readonly error: number }
  | { readonly kind: "failure"; readonly message: string };

/** What one of the contenders needed. */
export interface Row {
  readonly name: string;
  readonly note: string;
  /** Median of one call; undefined before it is known, and for what computes something else. */
  readonly milliseconds: number | undefined;
  /** Why there is no time. */
  readonly wrong: string | undefined;
}
