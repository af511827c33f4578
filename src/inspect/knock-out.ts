import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { MOST_ELEMENTS, sizeOf } from "../tensor-like.ts";
import { readEach } from "../validate/lists.ts";
import { checkMost, checkWhole, readOptions } from "../validate/options.ts";

/** What to cut: where a query looks at a key. What is absent is all of its kind. */
export interface KnockOut {
  readonly query?: number | undefined;
  readonly key?: number | undefined;
  readonly head?: number | undefined;
  readonly entry?: number | undefined;
}

/** Sizes of the scores: B and H are needed where a cut names an entry or a head. */
export interface KnockOutSizes {
  readonly B?: number | undefined;
  readonly H?: number | undefined;
  readonly L: number;
  readonly S: number;
}

/**
 * The mask without some edges: `attnMask` of `MultiHeadAttention.forward`, or `mask` of `scaledDotProductAttention`. A
 * row's other weights share what the cut ones had, as if the keys were not there: the attention knock-out of
 * "Dissecting Recall of Factual Associations in Auto-Regressive Language Models" (Geva et al. 2023).
 *
 * @param edges each cuts what it names: `{ query: 7, key: 2 }` one edge in all heads, `{ key: 2, head: 0 }` a whole column
 *   of one head
 * @returns 1 = attend: `[L, S]`, `[H, L, S]` where a cut names a head, `[B, H, L, S]` where one names an entry
 * @throws AttentionError `ERR_OPTION` for a place outside of the sizes, or a cut that names neither query nor key
 *
 * @example
 * ```ts
 * import { MultiHeadAttention, tensor } from "wasm-attention";
 * import { knockOutMask } from "wasm-attention/inspect";
 * const layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, seed: 1 });
 * const x = tensor(new Float32Array(3 * 8).fill(1), [3, 8]);
 * const attnMask = knockOutMask([{ query: 2, key: 0 }], { L: 3, S: 3 });
 * const { weights } = await layer.forward(x, { attnMask, needWeights: true });
 * console.log(weights?.data.subarray(6)); // Float32Array(3) [ 0, 0.5, 0.5 ]
 * ```
 */
export function knockOutMask(edges: readonly KnockOut[], sizes: KnockOutSizes): Tensor<Uint8Array> {
  const lengths = readSizes(sizes);
  const cuts = readEach("edges", edges, (edge) => readOptions(edge, places, "edges"));
  for (const edge of cuts) {
    if (edge.query === undefined && edge.key === undefined)
      throw new AttentionError("ERR_OPTION", '"edges" expected a query, a key or both in each, got neither');
    for (const [d, name] of placeNames.entries()) checkPlace(name, edge[name], lengths[d]);
  }
  const entries = cuts.some(({ entry }) => entry !== undefined);
  const heads = entries || cuts.some(({ head }) => head !== undefined);
  const [B, H, L, S] = [entries ? lengths[0] : 1, heads ? lengths[1] : 1, lengths[2], lengths[3]].map(
    (size) => size ?? 1,
  ) as [number, number, number, number];
  // There are loops over sizes beside one of 0.
  checkMost("sizes", sizeOf([B, H, L, S].map((size) => Math.max(1, size))), MOST_ELEMENTS);
  const data = new Uint8Array(B * H * L * S).fill(1);
  for (const { entry, head, query, key } of cuts)
    for (const b of placesOf(entry, B))
      for (const h of placesOf(head, H))
        for (const i of placesOf(query, L)) {
          const row = ((b * H + h) * L + i) * S;
          if (key === undefined) data.fill(0, row, row + S);
          else data[row + key] = 0;
        }
  return new Tensor(data, [B, H, L, S].slice(entries ? 0 : heads ? 1 : 2));
}

const placeNames = ["entry", "head", "query", "key"] as const;
const places: ReadonlySet<string> = new Set(placeNames);
const sizeNames: ReadonlySet<string> = new Set(["B", "H", "L", "S"]);

/** B, H, L, S; of B and H there may be none. */
function readSizes(given: KnockOutSizes): readonly [number | undefined, number | undefined, number, number] {
  const { B, H, L, S } = readOptions(given, sizeNames, "sizes");
  for (const [name, size] of Object.entries({ B: B ?? 1, H: H ?? 1, L, S }))
    checkWhole(`sizes.${name}`, size);
  return [B, H, L, S];
}

function placesOf(place: number | undefined, size: number): readonly number[] {
  return place === undefined ? Array.from({ length: size }, (_, n) => n) : [place];
}

/** The letter of the size that a place lies below. */
const letters = { entry: "B", head: "H", query: "L", key: "S" } as const;

function checkPlace(
  name: (typeof placeNames)[number],
  place: number | undefined,
  size: number | undefined,
): void {
  if (place === undefined) return;
  // With a size of 1 in its stead the mask would be broadcast, and cut all heads.
  if (size === undefined)
    throw new AttentionError(
      "ERR_OPTION",
      `"sizes.${letters[name]}" expected a whole number, as an edge names the ${name} ${describe(place)}, got undefined`,
    );
  if (Number.isInteger(place) && place >= 0 && place < size) return;
  throw new AttentionError(
    "ERR_OPTION",
    `"${name}" of an edge expected a whole number below ${size}, got ${describe(place)}`,
  );
}
