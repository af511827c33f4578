/** What the page and the worker that computes say to one another. */
import type { AttentionErrorCode, EngineInfo } from "wasm-attention";
import type { Settings } from "../settings/settings.ts";

/** Which heads take part: `kept[layer][head]`; what is missing does. */
export type KeptHeads = readonly (readonly boolean[])[];

export type Request =
  | {
      readonly kind: "compute";
      /** Counts up: a later one replaces all before it. */
      readonly id: number;
      readonly settings: Settings;
      readonly kept: KeptHeads;
    }
  /** All numbers of the last result, as JSON. */
  | { readonly kind: "numbers" };

export type Reply =
  | ({ readonly kind: "result"; readonly id: number } & Result)
  | { readonly kind: "picture"; readonly id: number; readonly html: string }
  | { readonly kind: "failure"; readonly id: number; readonly failure: Failure }
  | { readonly kind: "numbers"; readonly json: string };

export interface Result {
  /** The tokens' texts, in order. */
  readonly tokens: readonly string[];
  /** How many the whole text has, and how many of those shown are different. */
  readonly total: number;
  readonly distinct: number;
  readonly headSize: number;
  /** Of all layers, from the embedded text to the last output. */
  readonly milliseconds: number;
  readonly engine: EngineInfo;
  /** `heads[layer][head]` */
  readonly heads: readonly (readonly HeadSummary[])[];
  /** What switching heads off did; undefined where none is off. */
  readonly change: Change | undefined;
}

/** A head in numbers, over all its rows. */
export interface HeadSummary {
  /** Mean of the rows' entropies, in nats: 0 = each token looks at one other, ln n = at n alike. */
  readonly entropy: number;
  /** The mean as a share of the largest possible, 0 to 1: what rows may not see counts for nothing. */
  readonly evenness: number;
  /** Mean of |i - j|, weighted by the weights. */
  readonly distance: number;
  /** The token that receives most, and its share of all weight. */
  readonly favourite: number;
  readonly share: number;
}

/** Of the last layer's output. */
export interface Change {
  /** ||without - whole|| / ||whole||, Frobenius norms. */
  readonly relative: number;
  /** The same for each token's row. */
  readonly rows: readonly number[];
}

export interface Failure {
  readonly message: string;
  /** Of an AttentionError. */
  readonly code: AttentionErrorCode | undefined;
}
