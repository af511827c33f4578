import { AttentionError } from "../errors.ts";
import { sizeOf } from "../tensor-like.ts";
import { joined } from "./bytes.ts";
import { writeDocument } from "./page/document.ts";
import { type EncodedHead, HeadEncoder, NoRoom } from "./page/encode-head.ts";
import {
  type LayerLike,
  type LayerSizes,
  type LayerSource,
  type LayerWeights,
  readLayers,
} from "./page/layers.ts";
import { type HtmlOptions, readPageOptions } from "./page/options.ts";
import { base64, base64Length, deflate } from "./page/pack.ts";
import type { LayerData, PageData } from "./page/page-data.ts";
import { thumbnailSize } from "./page/thumbnail.ts";
import { Turns } from "./page/turns.ts";

export type { AttentionLayer, LayerLike } from "./page/layers.ts";
export type { HtmlOptions } from "./page/options.ts";

/**
 * Attention as a page to look at: one HTML file with all weights, that asks for nothing from anywhere and works from a disk. It
 * shows every head small and one large, which can be zoomed, the lines between tokens, entropy, distances and what keys
 * receive.
 *
 * All of it is exact while the weights, compressed, fit `maxBytes`: some 3 million that are not 0 with its default. Each head has an
 * equal share of the page; one that does not fit its share keeps its entropies, distances, masses and each row's largest
 * weights exactly, and the others are rounded as far as it takes, which the page says.
 *
 * @param layers one or several, first to last, of the same L and S: their weights, or `{ weights, name }`. They may not change
 *   until the call settles; Float64Array is rounded to float32
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for layers and options that do not fit, or a `maxBytes` that even
 *   the roughest weights exceed; `ERR_UNSUPPORTED` without `CompressionStream`. An abort rejects with the signal's reason.
 *
 * @example
 * ```ts
 * import { MultiHeadAttention, tensor } from "wasm-attention";
 * import { toHtml } from "wasm-attention/inspect";
 * const layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, seed: 1 });
 * const x = tensor(new Float32Array(3 * 8).fill(1), [3, 8]);
 * const { weights } = await layer.forward(x, { needWeights: true, averageWeights: false, causal: true });
 * const page = await toHtml(weights!, { tokens: ["the", "cat", "sat"], title: "Two heads" });
 * console.log(page.startsWith("<!doctype html>")); // true
 * ```
 */
export async function toHtml(
  layers: LayerLike | readonly LayerLike[],
  options: HtmlOptions = {},
): Promise<string> {
  const settings = readPageOptions(options);
  const sources = readLayers(layers, settings);
  // The page's script is some 100 kB, which nobody should load who makes no page.
  const { viewer } = await import("./generated/viewer.ts");
  settings.signal?.throwIfAborted();
  const { sizes: first, peeked } = await peek(sources, settings.signal);
  const { L, S } = first;
  const { queryOffset, queryTokens = null, title, description, maxBytes } = settings;
  const keyTokens = settings.keyTokens === settings.queryTokens ? null : (settings.keyTokens ?? null);
  const topK = topKeys(first, sources.length, maxBytes);
  const sizes = { L, S, topK, queryOffset };
  const thumbnail = thumbnailSize(L, S);
  const page = { ...sizes, queryTokens, keyTokens, thumbnail };
  const layersWithout = sources.map(({ name }) => ({ name, heads: [] }));
  const empty = { title, description, data: { ...page, layers: layersWithout }, thumbnails: "", heads: [] };
  const frame = byteLength(writeDocument(empty, viewer));
  const turns = new Turns(settings.signal);
  const encoded = await encodeLayers(peeked, sizes, { room: maxBytes - frame, maxBytes }, turns);
  const data: PageData = { ...page, layers: encoded.layers };
  const { thumbnails, heads } = encoded;
  return writeDocument({ ...empty, data, thumbnails, heads }, viewer);
}

/** Of the largest weights that a row has exactly: as many as fit a fifth of the page. */
function topKeys({ H, L, S }: LayerSizes, layers: number, maxBytes: number): number {
  const [most, bytesOfOne] = [8, 6];
  const affordable = Math.floor(((maxBytes / 5) * 0.75) / (layers * H * L * bytesOfOne));
  return Math.max(1, Math.min(most, S, affordable));
}

interface Encoded {
  readonly layers: LayerData[];
  readonly heads: string[][];
  readonly thumbnails: string;
}

type PageSizes = Pick<PageData, "L" | "S" | "topK" | "queryOffset">;

/** All heads, one after the other. Each gets its share of the room, and what those before it have left. */
async function encodeLayers(
  sources: readonly LayerSource[],
  sizes: PageSizes,
  { room, maxBytes }: { readonly room: number; readonly maxBytes: number },
  turns: Turns,
): Promise<Encoded> {
  const encoder = new HeadEncoder(sizes, turns);
  const encoded: EncodedHead[][] = [];
  let left = room;
  for (const [n, source] of sources.entries()) {
    const heads = await encodeLayer(source, sizes, encoder, {
      room: left,
      layers: sources.length - n,
      maxBytes,
    });
    for (const { text } of heads) left -= text.length + bytesBeside(sizes);
    encoded.push(heads);
    turns.check();
  }
  const thumbnails = await deflate(joined(encoded.flat().map(({ thumbnail }) => thumbnail)));
  return {
    layers: encoded.map((heads, n) => ({ name: sources[n]!.name, heads: heads.map(({ facts }) => facts) })),
    heads: encoded.map((heads) => heads.map(({ text }) => text)),
    thumbnails: await base64(thumbnails, turns),
  };
}

/** The heads of a layer, whose weights nothing holds afterwards: the next one's may take their place. */
async function encodeLayer(
  { argument, take }: LayerSource,
  { L, S }: PageSizes,
  encoder: HeadEncoder,
  { room, layers, maxBytes }: { readonly room: number; readonly layers: number; readonly maxBytes: number },
): Promise<EncodedHead[]> {
  const { data, H } = await take();
  const beside = bytesBeside({ L, S });
  const encoded: EncodedHead[] = [];
  let left = room;
  for (let head = 0; head < H; head++) {
    const weights = asFloat32(data.subarray(head * L * S, (head + 1) * L * S));
    // Layers that are not there yet are taken to have as many heads as this one.
    const count = layers * H - head;
    const one = await encoder
      .encode(weights, left / count - beside, { name: argument, head })
      .catch((error) => {
        throw error instanceof NoRoom ? tooSmall(maxBytes, (error.needed + beside) * count - left) : error;
      });
    left -= one.text.length + beside;
    encoded.push(one);
  }
  return encoded;
}

/** About what a head takes beside its record: its figures, its thumbnail, its element. */
function bytesBeside({ L, S }: Pick<PageSizes, "L" | "S">): number {
  return 600 + base64Length(sizeOf(Object.values(thumbnailSize(L, S))));
}

/** The first layer tells the sizes. It is made once, handed out once, and then gone as the others are. */
async function peek(
  sources: readonly LayerSource[],
  signal: AbortSignal | undefined,
): Promise<{ readonly sizes: LayerSizes; readonly peeked: readonly LayerSource[] }> {
  const [first, ...others] = sources as [LayerSource, ...LayerSource[]];
  let weights: LayerWeights | undefined = await first.take();
  signal?.throwIfAborted();
  const { H, L, S } = weights;
  const take = (): LayerWeights => {
    const taken = weights!;
    weights = undefined;
    return taken;
  };
  return { sizes: { H, L, S }, peeked: [{ ...first, take }, ...others] };
}

/** @param missing what heads that are all like this one would need beyond what there is */
function tooSmall(maxBytes: number, missing: number): AttentionError {
  // More room is more largest weights in each row, up to a fifth of it.
  const enough = Math.ceil((maxBytes + missing) * 1.25);
  return new AttentionError(
    "ERR_OPTION",
    `"maxBytes" expected some ${enough} for these heads, rounded as far as they can be, got ${maxBytes}`,
  );
}

function asFloat32(data: Float32Array | Float64Array): Float32Array {
  return data instanceof Float32Array ? data : new Float32Array(data);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
