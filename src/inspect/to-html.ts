import { AttentionError } from "../errors.ts";
import { sizeOf } from "../tensor-like.ts";
import { writeDocument } from "./page/document.ts";
import { type EncodedHead, HeadEncoder, NoRoom } from "./page/encode-head.ts";
import { type LayerLike, type LayerSource, type LayerWeights, readLayers } from "./page/layers.ts";
import { type HtmlOptions, type PageOptions, readPageOptions } from "./page/options.ts";
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
  const first = await sources[0]!.take();
  const { L, S } = first;
  const { queryOffset, queryTokens = null, title, description } = settings;
  const keyTokens = settings.keyTokens === settings.queryTokens ? null : (settings.keyTokens ?? null);
  const topK = topKeys(first, sources.length, settings.maxBytes);
  const sizes = { L, S, topK, queryOffset };
  const thumbnail = thumbnailSize(L, S);
  const page = { ...sizes, queryTokens, keyTokens, thumbnail };
  const empty = { title, description, data: { ...page, layers: [] }, thumbnails: "", heads: [] };
  const frame = byteLength(writeDocument(empty, viewer));
  const encoded = await encodeLayers(sources, first, { sizes, frame, settings });
  const data: PageData = { ...page, layers: encoded.layers };
  const html = writeDocument(
    { ...empty, data, thumbnails: encoded.thumbnails, heads: encoded.heads },
    viewer,
  );
  return html;
}

/** Of the largest weights that a row has exactly: as many as fit a fifth of the page. */
function topKeys({ H, L, S }: LayerWeights, layers: number, maxBytes: number): number {
  const [most, bytesOfOne] = [8, 6];
  const affordable = Math.floor(((maxBytes / 5) * 0.75) / (layers * H * L * bytesOfOne));
  return Math.max(1, Math.min(most, S, affordable));
}

interface Encoded {
  readonly layers: LayerData[];
  readonly heads: string[][];
  readonly thumbnails: string;
}

/** About what a head takes beside its record: its figures, its thumbnail, its element. */
const bytesBeside = 600;

/** All heads, one after the other. Each gets its share of the room, and what those before it have left. */
async function encodeLayers(
  sources: readonly LayerSource[],
  first: LayerWeights,
  {
    sizes,
    frame,
    settings,
  }: {
    readonly sizes: Pick<PageData, "L" | "S" | "topK" | "queryOffset">;
    readonly frame: number;
    readonly settings: PageOptions;
  },
): Promise<Encoded> {
  const turns = new Turns(settings.signal);
  const encoder = new HeadEncoder(sizes, turns);
  const thumbnailBytes = sizeOf(Object.values(thumbnailSize(sizes.L, sizes.S)));
  const layers: LayerData[] = [];
  const heads: string[][] = [];
  const thumbnails: Uint8Array<ArrayBuffer>[] = [];
  let room = settings.maxBytes - frame;
  for (const [n, { name, argument, take }] of sources.entries()) {
    const { data, H } = n === 0 ? first : await take();
    const encoded: EncodedHead[] = [];
    room -= byteLength(JSON.stringify(name));
    for (let head = 0; head < H; head++) {
      const size = sizes.L * sizes.S;
      const weights = asFloat32(data.subarray(head * size, (head + 1) * size));
      const beside = bytesBeside + base64Length(thumbnailBytes);
      // Layers that are not there yet are taken to have as many heads as this one.
      const left = H - head + (sources.length - n - 1) * H;
      const share = room / left - beside;
      const one = await encoder.encode(weights, share, { name: argument, head }).catch((error) => {
        throw error instanceof NoRoom
          ? tooSmall(settings.maxBytes, (error.needed + beside) * left - room)
          : error;
      });
      room -= one.text.length + beside;
      encoded.push(one);
    }
    layers.push({ name, heads: encoded.map(({ facts }) => facts) });
    heads.push(encoded.map(({ text }) => text));
    thumbnails.push(...encoded.map(({ thumbnail }) => thumbnail));
  }
  const all = await deflate(new Uint8Array(await new Blob(thumbnails).arrayBuffer()));
  return { layers, heads, thumbnails: await base64(all, turns) };
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
