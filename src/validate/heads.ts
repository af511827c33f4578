import type { Layout } from "../attention-options.ts";
import { AttentionError } from "../errors.ts";
import type { ReadTensor } from "../tensor-like.ts";

/** Sizes and strides of a tensor seen as `[batch, heads, length, size]`, whatever its rank and layout. */
export interface HeadLayout {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly size: number;
  readonly batchStride: number;
  readonly headStride: number;
  readonly rowStride: number;
}

/** A tensor read as heads of rows. */
export interface HeadView extends HeadLayout {
  readonly data: Float32Array | Float64Array;
}

/** The letters of one tensor's dimensions: `["B", "K", "S", "E"]` for key. */
export type Letters = readonly [batch: string, heads: string, length: string, size: string];

/** Strides of heads of rows: `[B, H, L, E]`, or `[B, L, H, E]` for `"BLHE"`. */
export function headLayout(layout: Layout, sizes: readonly [number, number, number, number]): HeadLayout {
  return view(undefined as never, layout, sizes);
}

function view(
  data: HeadView["data"],
  layout: Layout,
  sizes: readonly [number, number, number, number],
): HeadView {
  const [batch, heads, length, size] = sizes;
  const headsFirst = layout === "BHLE";
  return {
    data,
    batch,
    heads,
    length,
    size,
    batchStride: heads * length * size,
    headStride: headsFirst ? length * size : size,
    rowStride: headsFirst ? size : heads * size,
  };
}

/** The shape of a tensor of that rank: rank 3 has no batch, rank 2 neither batch nor heads. */
export function headShape<T>(layout: Layout, sizes: readonly [T, T, T, T], rank: number): T[] {
  const [batch, heads, length, size] = sizes;
  if (rank === 2) return [length, size];
  const inner = layout === "BHLE" ? [heads, length, size] : [length, heads, size];
  return rank === 3 ? inner : [batch, ...inner];
}

/** Where the row of a head starts in the data. */
export function rowOffset(view: HeadLayout, b: number, h: number, i: number): number {
  return b * view.batchStride + h * view.headStride + i * view.rowStride;
}

/** Checks rank and the sizes already known from other arguments, and gives the view. */
export function viewHeads(
  name: string,
  { data, shape }: ReadTensor<Float32Array | Float64Array>,
  letters: Letters,
  layout: Layout,
  rank: number,
  known: Readonly<Record<string, number>>,
): HeadView {
  const expected = headShape(layout, letters, rank);
  const fits =
    shape.length === rank && expected.every((letter, d) => (known[letter] ?? shape[d]) === shape[d]);
  if (!fits) {
    const sizes = expected.map((letter) => (letter in known ? `${letter}=${known[letter]}` : letter));
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected shape [${sizes.join(", ")}], got [${shape.join(", ")}]`,
    );
  }
  const size = (letter: string): number => {
    const d = expected.indexOf(letter);
    return d < 0 ? 1 : shape[d]!;
  };
  const [batch, heads, length, width] = letters;
  return view(data, layout, [size(batch), size(heads), size(length), size(width)]);
}
