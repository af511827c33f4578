import { AttentionError } from "../../errors.ts";
import { checkMost, checkWhole, readOptions } from "../../validate/options.ts";
import { checkDistances } from "../../validate/statistics.ts";
import { checkText, checkTexts } from "../../validate/texts.ts";

/** Keys of a row are stored as 16-bit numbers; and no screen has as many places. */
export const MOST_TOKENS = 65_535;
/** A string of V8 holds 2^29 characters less some. */
const largestPage = 500_000_000;

/** Options of `toHtml`. */
export interface HtmlOptions {
  /** Texts of the tokens, queries and keys alike. Without any, they are called by number. */
  readonly tokens?: readonly string[] | undefined;
  /** The L tokens that look, where they are others than the keys. */
  readonly queryTokens?: readonly string[] | undefined;
  /** The S tokens that are looked at. */
  readonly keyTokens?: readonly string[] | undefined;
  /** Default: `"Attention"`. */
  readonly title?: string | undefined;
  /** What stands below the title. */
  readonly description?: string | undefined;
  /** Which entry of a batch is shown. Default 0. */
  readonly batch?: number | undefined;
  /** Position of query 0 among the keys, from which distances are measured. Default 0. */
  readonly queryOffset?: number | undefined;
  /**
   * The largest size of the page in bytes, at most 500,000,000. Weights are exact where they fit it, else rounded as far as it
   * takes. Default 14,000,000.
   */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const names: ReadonlySet<string> = new Set([
  "tokens",
  "queryTokens",
  "keyTokens",
  "title",
  "description",
  "batch",
  "queryOffset",
  "maxBytes",
  "signal",
]);

/** What the options say, or mean by not saying it. */
export interface PageOptions {
  readonly queryTokens: readonly string[] | undefined;
  readonly keyTokens: readonly string[] | undefined;
  readonly title: string;
  readonly description: string;
  readonly batch: number;
  readonly queryOffset: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** @throws AttentionError `ERR_OPTION` for options that are none, or contradict each other */
export function readPageOptions(given: HtmlOptions): PageOptions {
  const options = readOptions(given, names);
  const { tokens, queryTokens, keyTokens, title, description, signal } = options;
  const { batch = 0, queryOffset = 0, maxBytes = 14_000_000 } = options;
  if (tokens !== undefined && (queryTokens ?? keyTokens) !== undefined)
    throw new AttentionError("ERR_OPTION", '"tokens" and "queryTokens" or "keyTokens" exclude each other');
  for (const [name, list] of Object.entries({ tokens, queryTokens, keyTokens }))
    if (list !== undefined) checkTexts(name, list, MOST_TOKENS);
  for (const [name, text] of Object.entries({ title, description }))
    if (text !== undefined) checkText(name, text);
  checkWhole("batch", batch);
  checkWhole("queryOffset", queryOffset, -Infinity);
  checkDistances([queryOffset]);
  checkWhole("maxBytes", maxBytes, 1);
  checkMost("maxBytes", maxBytes, largestPage);
  return {
    queryTokens: tokens ?? queryTokens,
    keyTokens: tokens ?? keyTokens,
    title: title ?? "Attention",
    description: description ?? "",
    batch,
    queryOffset,
    maxBytes,
    signal,
  };
}
