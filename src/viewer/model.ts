// The data of the page: what is stored of a head is unpacked when the head is opened.
import { type HeadRecord, headRecord, NO_KEY } from "../inspect/page/head-record.ts";
import { boundsOf, type RowRange, unpackDigits, weightOf } from "../inspect/page/levels.ts";
import { elementIds, type HeadData, type PageData } from "../inspect/page/page-data.ts";
import { readPlanes } from "../inspect/page/planes.ts";
import { Labels } from "./labels.ts";

/** Opened heads that are kept, so that going back and forth costs nothing. */
const mostKept = 16;

export class Model {
  readonly data: PageData = JSON.parse(textOf(elementIds.data));
  readonly queries: Labels = new Labels(this.data.queryTokens ?? undefined, "query");
  readonly keys: Labels = new Labels(this.data.keyTokens ?? this.data.queryTokens ?? undefined, "key");
  /** Whether queries and keys are one text. */
  readonly isOneText: boolean = this.data.keyTokens === null && this.data.L === this.data.S;
  readonly #opened = new Map<string, Promise<Head>>();

  /** The head's weights and figures. */
  open(layer: number, head: number): Promise<Head> {
    const id = elementIds.head(layer, head);
    const opened = this.#opened.get(id) ?? this.#unpack(id, layer, head);
    this.#opened.delete(id);
    this.#opened.set(id, opened);
    if (this.#opened.size > mostKept) this.#opened.delete(this.#opened.keys().next().value!);
    return opened;
  }

  async #unpack(id: string, layer: number, head: number): Promise<Head> {
    const record = headRecord(this.data, await inflate(textOf(id)));
    return new Head(layer, head, this.data.layers[layer]!.heads[head]!, record, this.data);
  }

  /** What a layer is called: by its name as it was given, else by its number. */
  layerName(layer: number): string {
    return this.data.layers[layer]!.name ?? `Layer ${layer}`;
  }

  /** A small picture of each head, by layer, then head: bytes from 0, nothing, to 255. */
  async thumbnails(): Promise<Uint8Array> {
    return new Uint8Array(await inflate(textOf(elementIds.thumbnails)));
  }
}

/** A weight, and how well it is known. */
export interface Weight {
  readonly value: number;
  /** Between which two it lies; both are the value where that is exact. */
  readonly bounds: readonly [number, number];
}

/** An opened head. */
export class Head {
  readonly layer: number;
  readonly head: number;
  readonly facts: HeadData;
  readonly record: HeadRecord;
  /** `[L, S]`: weights as they are, or their levels. */
  readonly #cells: Float32Array | Uint8Array;
  readonly #S: number;
  readonly #topK: number;

  constructor(layer: number, head: number, facts: HeadData, record: HeadRecord, sizes: PageData) {
    this.layer = layer;
    this.head = head;
    this.facts = facts;
    this.record = record;
    this.#S = sizes.S;
    this.#topK = sizes.topK;
    if (facts.levels === null) {
      this.#cells = readPlanes(record.packed);
      return;
    }
    this.#cells = new Uint8Array(sizes.L * sizes.S);
    unpackDigits(record.packed, facts.levels + (facts.hasNaN ? 2 : 1), this.#cells);
  }

  /** A row's largest weight, by which its levels are measured. */
  largest(row: number): number {
    return this.record.topWeights[row * this.#topK]!;
  }

  weight(row: number, key: number): Weight {
    const { levels } = this.facts;
    const cell = this.#cells[row * this.#S + key]!;
    const exact = levels === null ? cell : this.#exact(row).get(key);
    if (levels === null || exact !== undefined) return { value: exact!, bounds: [exact!, exact!] };
    const range = this.#range(row);
    // Where there was room for more exact weights, `most` is 0, and all others are.
    return { value: weightOf(cell, levels, range), bounds: boundsOf(cell, levels, range) };
  }

  /** The keys of a row's largest weights, the largest first, and those weights; up to so many above 0. */
  top(row: number, count: number): (Weight & { readonly key: number })[] {
    const weights = this.row(row);
    // Of equal ones those that are known exactly come first, then the first key.
    const keys = new Set([...this.#exact(row).keys(), ...weights.keys()]);
    return [...keys]
      .filter((key) => weights[key]! > 0)
      .sort((a, b) => weights[b]! - weights[a]!)
      .slice(0, count)
      .map((key) => ({ key, ...this.weight(row, key) }));
  }

  /** How many weights of a row are NaN. */
  countNaN(row: number): number {
    return this.facts.hasNaN ? this.row(row).filter(Number.isNaN).length : 0;
  }

  /** The weights of a row, as a picture draws them. */
  row(row: number): Float64Array {
    const { levels } = this.facts;
    const cells = this.#cells.subarray(row * this.#S, (row + 1) * this.#S);
    if (levels === null) return Float64Array.from(cells);
    const range = this.#range(row);
    const weights = Float64Array.from(cells, (level) => weightOf(level, levels, range));
    for (const [key, weight] of this.#exact(row)) weights[key] = weight;
    return weights;
  }

  #range(row: number): RowRange {
    return { largest: this.largest(row), most: this.record.topWeights[(row + 1) * this.#topK - 1]! };
  }

  /** Weights that are stored as they came even where others are rounded, by key. */
  #exact(row: number): Map<number, number> {
    const found = new Map<number, number>();
    for (let n = row * this.#topK; n < (row + 1) * this.#topK; n++)
      if (this.record.topKeys[n] !== NO_KEY) found.set(this.record.topKeys[n]!, this.record.topWeights[n]!);
    return found;
  }
}

function textOf(id: string): string {
  return document.getElementById(id)!.textContent!;
}

async function inflate(base64: string): Promise<ArrayBuffer> {
  const characters = atob(base64);
  // A loop over numbers: Uint8Array.from goes through a string ten times as slowly.
  const bytes = new Uint8Array(characters.length);
  for (let n = 0; n < bytes.length; n++) bytes[n] = characters.charCodeAt(n);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}
