/**
 * A picture of at most 256 colours as a PNG file (W3C, PNG Specification, third edition). Written here, since pictures are made
 * synchronously in browsers, too, and without dependencies. Node's zlib compresses them; elsewhere they are stored as they are.
 */
import { builtin } from "../../engine/platform.ts";
import { joined } from "../bytes.ts";
import type { Rgb } from "./colour-maps.ts";

/** Colours by index, row by row. */
export interface IndexedPicture {
  readonly width: number;
  readonly height: number;
  /** `[height, width]`, each an index of the palette. */
  readonly pixels: Uint8Array;
  /** At most 256 colours; the first is transparent. */
  readonly palette: readonly Rgb[];
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** 8 bits a pixel, indexed colours, the only compression, filter and order of rows. */
const format = [8, 3, 0, 0, 0];

export function encodePng({ width, height, pixels, palette }: IndexedPicture): Uint8Array<ArrayBuffer> {
  return joined([
    Uint8Array.from(signature),
    chunk("IHDR", Uint8Array.from([...bigEndian(width), ...bigEndian(height), ...format])),
    chunk("PLTE", Uint8Array.from(palette.flat())),
    chunk("tRNS", Uint8Array.of(0)),
    chunk("IDAT", compress(asScanlines(width, height, pixels))),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** Each pixel as `times` x `times`. */
export function enlarged({ width, height, pixels, palette }: IndexedPicture, times: number): IndexedPicture {
  const wide = width * times;
  const all = new Uint8Array(wide * height * times);
  for (let row = 0; row < height; row++) {
    const first = row * times * wide;
    for (let column = 0; column < width; column++)
      all.fill(pixels[row * width + column]!, first + column * times, first + (column + 1) * times);
    for (let again = 1; again < times; again++) all.copyWithin(first + again * wide, first, first + wide);
  }
  return { width: wide, height: height * times, pixels: all, palette };
}

/** Rows with the byte before each that says how it is filtered: not at all. */
function asScanlines(width: number, height: number, pixels: Uint8Array): Uint8Array {
  const lines = new Uint8Array(height * (width + 1));
  for (let row = 0; row < height; row++)
    lines.set(pixels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  return lines;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const checked = joined([Uint8Array.from(type, (letter) => letter.charCodeAt(0)), data]);
  return joined([bigEndian(data.length), checked, bigEndian(crc32(checked))]);
}

function compress(bytes: Uint8Array): Uint8Array {
  return zlib()?.deflateSync(bytes) ?? stored(bytes);
}

/** Whether a picture takes less room than its pixels. */
export function compresses(): boolean {
  return zlib() !== undefined;
}

function zlib(): typeof import("node:zlib") | undefined {
  return builtin<typeof import("node:zlib")>("node:zlib");
}

/** As many bytes as a stored block of deflate holds. */
const mostStored = 0xffff;

/** A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4). */
export function stored(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x78, 0x01)];
  for (let begin = 0; begin === 0 || begin < bytes.length; begin += mostStored) {
    const block = bytes.subarray(begin, begin + mostStored);
    const isLast = begin + mostStored >= bytes.length ? 1 : 0;
    const [low, high] = [block.length & 255, block.length >> 8];
    parts.push(Uint8Array.of(isLast, low, high, low ^ 255, high ^ 255), block);
  }
  return joined([...parts, bigEndian(adler32(bytes))]);
}

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function bigEndian(number: number): Uint8Array {
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
}
