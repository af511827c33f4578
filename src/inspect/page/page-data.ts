// What the page is made of, between the one who writes it (to-html.ts) and the one who shows it (src/viewer).

/** The page's own numbers, as JSON. Those of a head that is opened are in its record (head-record.ts). */
export interface PageData {
  /** Sizes of every head: L queries, S keys. */
  readonly L: number;
  readonly S: number;
  /** Position of query 0 among the keys, from which distances are measured. */
  readonly queryOffset: number;
  /** How many of a row's largest weights are there exactly. */
  readonly topK: number;
  /** Texts of queries and keys; without, they are called by number. `null` for keys: those of the queries. */
  readonly queryTokens: readonly string[] | null;
  readonly keyTokens: readonly string[] | null;
  /** Sizes of the small pictures, which lie one behind the other in the element `thumbnails`. */
  readonly thumbnail: { readonly rows: number; readonly columns: number };
  readonly layers: readonly LayerData[];
}

export interface LayerData {
  /** `null` for one that is called by number. */
  readonly name: string | null;
  readonly heads: readonly HeadData[];
}

/** A head's figures, from the weights as they came. */
export interface HeadData {
  /** In how many steps its weights are stored (levels.ts); `null` where they are stored as they are (planes.ts). */
  readonly levels: number | null;
  /** Whether a weight is NaN: one value more beside 0 and the levels. */
  readonly hasNaN: boolean;
  /** Mean over the rows that have weights, in nats; `null` for NaN. */
  readonly entropy: number | null;
  readonly meanDistance: number | null;
  /** The largest weight. */
  readonly largest: number;
  /** Mass by distance 0, 1, 2 to 3, 4 to 7 and so on. */
  readonly distanceHistogram: readonly (number | null)[];
}

/** Ids of the elements that hold data. */
export const elementIds = {
  data: "data",
  thumbnails: "thumbnails",
  head: (layer: number, head: number): string => `head-${layer}-${head}`,
} as const;
