/** Directions of random features: orthogonal, as long as normal vectors, unbiased, the same everywhere. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { orthogonalRandomFeatures } from "wasm-attention/efficient";

const sha256 = (data: Float32Array) => createHash("sha256").update(data).digest("hex").slice(0, 16);

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, x, e) => sum + x * b[e]!, 0);
}

function rowsOf(count: number, size: number, seed: number): Float32Array[] {
  const { data } = orthogonalRandomFeatures(count, size, seed);
  return Array.from({ length: count }, (_, r) => data.subarray(r * size, (r + 1) * size));
}

describe("orthogonalRandomFeatures", () => {
  it("is the same on every machine and version", () => {
    expect(sha256(orthogonalRandomFeatures(256, 64, 0).data)).toMatchInlineSnapshot(`"1a602396ca791bc5"`);
    expect(sha256(orthogonalRandomFeatures(100, 33, 7).data)).toMatchInlineSnapshot(`"f5f1806ba1c6f931"`);
  });

  it("has rows that are orthogonal within blocks of E", () => {
    const rows = rowsOf(40, 16, 3);
    for (let r = 0; r < 40; r++)
      for (let s = 0; s < r; s++) {
        const cosine = dot(rows[r]!, rows[s]!) / Math.sqrt(dot(rows[r]!, rows[r]!) * dot(rows[s]!, rows[s]!));
        if (Math.floor(r / 16) === Math.floor(s / 16)) expect(Math.abs(cosine)).toBeLessThan(1e-6);
      }
  });

  it("has rows whose squared length is chi squared: mean E, variance 2 E", () => {
    const squares = rowsOf(4096, 32, 1).map((row) => dot(row, row));
    const mean = squares.reduce((sum, x) => sum + x, 0) / squares.length;
    const variance = squares.reduce((sum, x) => sum + (x - mean) ** 2, 0) / squares.length;
    expect(Math.abs(mean - 32)).toBeLessThan(4 * Math.sqrt(64 / 4096));
    expect(Math.abs(variance / 64 - 1)).toBeLessThan(0.12);
  });

  it("has elements of mean 0 and variance 1", () => {
    const { data } = orthogonalRandomFeatures(4096, 32, 2);
    expect(Math.abs(data.reduce((sum, x) => sum + x, 0) / data.length)).toBeLessThan(
      4 / Math.sqrt(data.length),
    );
    expect(data.reduce((sum, x) => sum + x * x, 0) / data.length).toBeCloseTo(1, 1);
  });

  it("estimates e^(q.k) without bias, and better than independent rows would", () => {
    const [q, k] = [
      [0.3, -0.5, 0.2, 0.6],
      [-0.4, 0.1, 0.7, 0.5],
    ];
    const both = q!.map((x, e) => x + k![e]!);
    const shift = (dot(q!, q!) + dot(k!, k!)) / 2;
    const draws = Array.from({ length: 4000 }, (_, seed) => {
      const features = rowsOf(4, 4, seed);
      return features.reduce((sum, w) => sum + Math.exp(dot(w, both) - shift), 0) / 4;
    });
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean - Math.exp(dot(q!, k!)))).toBeLessThan(4 * Math.sqrt(variance / draws.length));
    // Independent rows: (e^(|q + k|^2) - 1) e^(2 q.k) / m.
    const independent = ((Math.exp(dot(both, both)) - 1) * Math.exp(2 * dot(q!, k!))) / 4;
    expect(variance).toBeLessThan(0.9 * independent);
  });
});
