/** A page that toHtml wrote, taken apart again. */
import { inflateRawSync } from "node:zlib";
import { type HeadRecord, headRecord, NO_KEY } from "../../src/inspect/page/head-record.ts";
import { boundsOf, unpackDigits, weightOf } from "../../src/inspect/page/levels.ts";
import type { HeadData, PageData } from "../../src/inspect/page/page-data.ts";
import { readPlanes } from "../../src/inspect/page/planes.ts";

export interface ReadHead {
  readonly facts: HeadData;
  readonly record: HeadRecord;
  /** `[L, S]`: each weight as it is stored, and between which two it lies. */
  readonly weights: Float64Array;
  readonly least: Float64Array;
  readonly most: Float64Array;
}

/** The text of an element that holds data. */
export function elementOf(html: string, id: string): string {
  const [, text] = new RegExp(`<script type="[^"]*" id="${id}">([^<]*)</script>`).exec(html) ?? [];
  if (text === undefined) throw new Error(`no element ${id}`);
  return text;
}

export function dataOf(html: string): PageData {
  return JSON.parse(elementOf(html, "data"));
}

export function inflateElement(html: string, id: string): Uint8Array {
  return inflateRawSync(Buffer.from(elementOf(html, id), "base64"));
}

export function readHead(html: string, layer: number, head: number): ReadHead {
  const data = dataOf(html);
  const { L, S, topK } = data;
  const facts = data.layers[layer]!.heads[head]!;
  const bytes = inflateElement(html, `head-${layer}-${head}`);
  const record = headRecord(data, Uint8Array.from(bytes).buffer);
  if (facts.levels === null) {
    const exact = Float64Array.from(readPlanes(record.packed));
    return { facts, record, weights: exact, least: exact, most: exact };
  }
  const count = facts.levels;
  const levels = new Uint8Array(L * S);
  unpackDigits(record.packed, count + (facts.hasNaN ? 2 : 1), levels);
  const [weights, least, most] = [0, 1, 2].map(() => new Float64Array(L * S)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  levels.forEach((level, n) => {
    const tops = record.topWeights.subarray(Math.floor(n / S) * topK);
    const row = { largest: tops[0]!, most: tops[topK - 1]! };
    weights[n] = weightOf(level, count, row);
    [least[n], most[n]] = boundsOf(level, count, row);
  });
  record.topKeys.forEach((key, n) => {
    if (key === NO_KEY) return;
    const place = Math.floor(n / topK) * S + key;
    weights[place] = least[place] = most[place] = record.topWeights[n]!;
  });
  return { facts, record, weights, least, most };
}
