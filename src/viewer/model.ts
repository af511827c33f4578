// The data of the page: what is stored of a head is unpacked when the head is opened.
import { type HeadRecord, headRecord, NO_KEY } from "../inspect/page/head-record.ts";
import { boundsOf, unpackDigits, weightOf } from "../inspect/page/levels.ts";
import { elementIds, type HeadData, type PageData } from "../inspect/page/page-data.ts";
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
  /** `[L, S]`. */
  readonly #levels: Uint8Array;
  readonly #S: number;
  readonly #topK: number;

  constructor(layer: number, head: number, facts: HeadData, record: HeadRecord, sizes: PageData) {
    this.layer = layer;
    this.head = head;
    this.facts = facts;
    this.record = record;
    this.#S = sizes.S;
    this.#levels = new Uint8Array(sizes.L * sizes.S);
    unpackDigits(record.packed, facts.levels + (facts.hasNaN ? 2 : 1), this.#levels);
    this.#topK = sizes.topK;
  }

  /** A row's largest weight, by which its levels are measured. */
  largest(row: number): number {
    return this.record.topWeights[row * this.#topK]!;
  }

  weight(row: number, key: number): Weight {
    const exact = this.#exact(row).find(([place]) => place === key);
    if (exact) return { value: exact[1], bounds: [exact[1], exact[1]] };
    const level = this.#levels[row * this.#S + key]!;
    const { levels } = this.facts;
    // Where there was room for more exact weights, all above 0 are among them.
    if (level === 0 && this.record.topKeys[(row + 1) * this.#topK - 1] === NO_KEY)
      return { value: 0, bounds: [0, 0] };
    const largest = this.largest(row);
    const bounds = boundsOf(level, levels, largest);
    return { value: weightOf(level, levels, largest), bounds };
  }

  /** The keys of a row's largest weights, the largest first, and those weights; up to so many above 0. */
  top(row: number, count: number): (Weight & { readonly key: number })[] {
    const exact = this.#exact(row);
    const known = new Set(exact.map(([key]) => key));
    const levels = this.#levels.subarray(row * this.#S, (row + 1) * this.#S);
    const others: number[] = [];
    for (let key = 0; key < levels.length; key++)
      if (levels[key]! > 0 && levels[key]! <= this.facts.levels && !known.has(key)) others.push(key);
    others.sort((a, b) => levels[b]! - levels[a]!);
    return [...known, ...others].slice(0, count).map((key) => ({ key, ...this.weight(row, key) }));
  }

  /** The weights of a row, as a picture draws them. */
  row(row: number): Float64Array {
    const { levels } = this.facts;
    const largest = this.largest(row);
    const weights = Float64Array.from(this.#levels.subarray(row * this.#S, (row + 1) * this.#S), (level) =>
      weightOf(level, levels, largest),
    );
    for (const [key, weight] of this.#exact(row)) weights[key] = weight;
    return weights;
  }

  /** Keys and weights that are stored as they came. */
  #exact(row: number): (readonly [key: number, weight: number])[] {
    const found: [number, number][] = [];
    for (let n = row * this.#topK; n < (row + 1) * this.#topK; n++)
      if (this.record.topKeys[n] !== NO_KEY)
        found.push([this.record.topKeys[n]!, this.record.topWeights[n]!]);
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
