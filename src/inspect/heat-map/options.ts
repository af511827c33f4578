import type { ColourMap } from "./colour-maps.ts";

/** Options of `toSvg`. */
export interface SvgOptions {
  /** Labels of queries and keys alike, where these are the same tokens. */
  readonly tokens?: readonly string[] | undefined;
  /** L labels, one a row. Default `tokens`, else numbers. */
  readonly queryTokens?: readonly string[] | undefined;
  /** S labels, one a column. Default `tokens`, else numbers. */
  readonly keyTokens?: readonly string[] | undefined;
  /** What stands above it, and names it to screen readers. Default none, and `"Attention weights"`. */
  readonly title?: string | undefined;
  /** What screen readers say of it. Default: sizes, scale, and where rows look most. */
  readonly description?: string | undefined;
  /** Names of the H heads. Default `"head 0"` and so on. */
  readonly heads?: readonly string[] | undefined;
  /** Names of the axes. Default `["query", "key"]`. */
  readonly axes?: readonly [rows: string, columns: string] | undefined;
  /** Heads beside each other. Default: about as many as below each other. */
  readonly columns?: number | undefined;
  /** A colour map, or at least two colours `#rrggbb` from low to high. Default `"viridis"`. */
  readonly colors?: ColourMap | readonly string[] | undefined;
  /** Whether colours follow values or their logarithms. Default `"linear"`. */
  readonly scale?: "linear" | "log" | undefined;
  /**
   * What has a scale of its own: `"all"`, so that heads compare, each `"head"`, or each `"row"`, as in the terminal. Default
   * `"all"`.
   */
  readonly per?: "all" | "head" | "row" | undefined;
  /**
   * The values of the first and last colour; what lies beyond has the nearest. Default: 0, or what is less, and the largest; on a
   * log scale the smallest above 0, at most four powers of ten below the largest. Only with `per: "all"`.
   */
  readonly domain?: readonly [low: number, high: number] | undefined;
  /** Whether cells show their values, at most 4096 in all. Default: where one head has at most 12 x 12. */
  readonly values?: boolean | undefined;
  /** Side of a cell in pixels, 1 to 100. Default: as fits. */
  readonly cellSize?: number | undefined;
  /** Whether the scale of colours is drawn. Default true. */
  readonly legend?: boolean | undefined;
  /** Colours of text and ground: the reader's choice, or one. Default `"auto"`. */
  readonly theme?: "auto" | "light" | "dark" | undefined;
}

export const optionNames: ReadonlySet<string> = new Set<keyof SvgOptions>([
  "tokens",
  "queryTokens",
  "keyTokens",
  "title",
  "description",
  "heads",
  "axes",
  "columns",
  "colors",
  "scale",
  "per",
  "domain",
  "values",
  "cellSize",
  "legend",
  "theme",
]);
