/** Kernels are text in the package: what is read from it are the bytes that were compiled. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codesFor, encode } from "../../scripts/kernel-text.mjs";
import { kernelCodes, kernelPieces } from "../../src/engine/generated/kernels.ts";
import type { KernelSet } from "../../src/engine/kernel-sets.ts";
import { decode } from "../../src/engine/kernel-text.ts";

describe("the text of a binary", () => {
  test.each<KernelSet>(["strict", "relaxed", "wide"])("is that of the %s kernels", (set) => {
    const compiled = readFileSync(new URL(`../../build/kernels/${set}.wasm`, import.meta.url));
    const pieces = kernelPieces.map((piece) => piece[set]);
    expect(Buffer.compare(decode(pieces, kernelCodes), compiled)).toBe(0);
  });

  test("is read as it was written, whatever the bytes, and wherever it is cut", () => {
    const binaries = fc.uint8Array({ maxLength: 2000 });
    fc.assert(
      fc.property(binaries, binaries, fc.double({ min: 0, max: 1, noNaN: true }), (counted, bytes, cut) => {
        const codes = codesFor([counted]);
        const text = encode(bytes, codes);
        const at = Math.floor(cut * text.length);
        expect(decode([text.slice(0, at), text.slice(at)], codes)).toEqual(bytes);
      }),
    );
  });

  test("needs no escapes in any string literal", () => {
    const text = encode(
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
      kernelCodes,
    );
    expect(text).toMatch(/^[#-~]+$/);
    expect(text).not.toMatch(/["'`\\{]/);
  });
});
