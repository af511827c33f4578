// What people do with a tensor first: print it, and write it down.
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createEngine, tensor } from "wasm-attention";

describe("a tensor", () => {
  it("is printed with its elements", () => {
    expect(inspect(tensor([1, 2.5], [1, 2]))).toBe(
      "Tensor { shape: [ 1, 2 ], data: Float32Array(2) [ 1, 2.5 ] }",
    );
    // As deep and as coloured as what it stands in.
    expect(inspect({ a: { b: tensor(new Uint8Array([7]), [1]) } }, { depth: 1 })).toContain("Tensor { shape");
    expect(inspect([tensor([1], [1])], { colors: true })).toContain("\u001b[33m1\u001b[39m");
  });

  it("says that it is disposed where it is", async () => {
    const engine = createEngine({ threads: 0 });
    const x = engine.tensor([2]);
    expect(inspect(x)).toContain("Float32Array(2) [ 0, 0 ]");
    x.dispose();
    expect(inspect(x)).toContain("ERR_DISPOSED");
    expect(() => JSON.stringify(x)).toThrow("disposed");
    await engine.dispose();
  });

  it("is written as JSON that makes the same again", () => {
    const x = tensor([1, -2, 3.5, 0], [2, 2]);
    const text = JSON.stringify({ x });
    expect(text).toBe('{"x":{"shape":[2,2],"data":[1,-2,3.5,0]}}');
    const { data, shape } = JSON.parse(text).x;
    expect(tensor(data, shape)).toEqual(x);
    expect(JSON.stringify(tensor(new BigInt64Array([2n ** 60n]), [1]))).toContain('"1152921504606846976"');
  });
});
