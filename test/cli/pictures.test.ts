/** Heat maps into files: what is drawn is what was computed, and what does not fit is refused before. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { afterAll, expect, test } from "vitest";
import { MultiHeadAttention } from "wasm-attention";
import { writeNpy } from "wasm-attention/npy";
import { writeSafetensors } from "wasm-attention/safetensors";
import { run } from "../support/command.ts";
import { normal } from "../support/random-tensors.ts";

const folder = mkdtempSync(join(tmpdir(), "wasm-attention-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

/** What the tooltips say: weights with three digits. */
function weightsIn(svg: string): number[] {
  return [...svg.matchAll(/<title>[^<]* → [^<]*: ([^<]*)<\/title>/g)].map(([, weight]) => Number(weight));
}

function expectWeights(drawn: readonly number[], expected: readonly number[]): void {
  expect(drawn.length).toBe(expected.length);
  drawn.forEach((weight, n) => {
    expect(Math.abs(weight - expected[n]!)).toBeLessThan(0.006 * expected[n]! + 1e-6);
  });
}

test("explore draws all heads, or one, over as many tokens as it is told", async () => {
  const text = ["explore", "the <b> dog & the cat", "--heads", "3", "--head-size", "8", "--json"];
  const all = ["--svg", file("all.svg"), "--png", file("all.png")];
  const { code, stdout, stderr } = await run([...text, ...all, "--causal", "--show", "4"]);
  expect([code, stderr]).toEqual([0, ""]);
  const { picture, pictures } = JSON.parse(stdout);
  const svg = readFileSync(file("all.svg"), "utf8");
  expect(pictures).toEqual([
    { file: file("all.svg"), format: "svg", shape: [3, 4, 4], bytes: Buffer.byteLength(svg) },
    { file: file("all.png"), format: "png", shape: [3, 4, 4], bytes: readFileSync(file("all.png")).length },
  ]);
  expect(svg).toContain(">head 2</text>");
  expect(svg).toContain(">&lt;</text>");
  // What causality excludes is blank: 10 of 16 cells are drawn.
  const drawn = weightsIn(svg);
  expect(drawn.length).toBe(30);
  const lower = picture.weights.flatMap((row: number[], i: number) => row.slice(0, i + 1));
  expectWeights(drawn.slice(0, 10), lower);
  const { width, height, data } = decode(readFileSync(file("all.png")));
  expect([width, height]).toEqual([3 * 4 * 48 + 2 * 8, 4 * 48]);
  expect([data[0], data[48], data[(height - 1) * width] === 0]).toEqual([255, 0, false]);

  const one = await run([...text, "--head", "2", "--svg", file("one.svg")]);
  const only = readFileSync(file("one.svg"), "utf8");
  expect(only).toContain(">head 2</text>");
  expectWeights(weightsIn(only), JSON.parse(one.stdout).picture.weights.flat());
});

test("explore draws the picture of the documentation", async () => {
  const text = "the dog chased the cat, the cat chased the mouse";
  // These kernels give the same bits everywhere.
  const strict = ["--kernels", "strict", "--projections", "none", "--heads", "4"];
  expect((await run(["explore", text, ...strict, "--svg", file("heads.svg")])).code).toBe(0);
  await expect(readFileSync(file("heads.svg"), "utf8")).toMatchFileSnapshot("../../docs/images/heads.svg");
});

test("run draws the weights of the first batch entry, and says so", async () => {
  for (const [n, name] of ["q", "k", "v"].entries())
    writeFileSync(file(`${name}.npy`), writeNpy(normal([2, 3, 5, 4], n)));
  const inputs = ["q", "k", "v"].flatMap((name, n) => [
    ["--query", "--key", "--value"][n]!,
    file(`${name}.npy`),
  ]);
  const outputs = ["--out", file("o.npy"), "--return-weights", file("w.npy"), "--svg", file("run.svg")];
  const { code, stdout, stderr } = await run(["run", ...inputs, ...outputs]);
  expect([code, stderr]).toEqual([0, "wasm-attention: the picture shows the first of 2 batch entries\n"]);
  expect(stdout).toMatch(/\n {2}picture +\[3, 5, 5\] +svg +to .*run\.svg, [\d.]+ KiB\n$/);
  const npy = readFileSync(file("w.npy"));
  const weights = new Float32Array(
    npy.buffer.slice(npy.byteOffset + npy.length - 4 * 150, npy.byteOffset + npy.length),
  );
  expectWeights(weightsIn(readFileSync(file("run.svg"), "utf8")), [...weights.subarray(0, 75)]);
});

test("layer draws the mean of its heads, or each", async () => {
  const layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, seed: 3 });
  const x = normal([4, 8], 5);
  writeFileSync(file("layer.safetensors"), writeSafetensors(layer.toStateDict()));
  writeFileSync(file("x.npy"), writeNpy(x));
  const args = ["layer", "--weights", file("layer.safetensors"), "--heads", "2", "--input", file("x.npy")];
  const picture = ["--out", file("y.npy"), "--svg", file("layer.svg"), "--colors", "magma", "--log-colors"];
  for (const each of [false, true]) {
    const { code, stderr } = await run([...args, ...picture, ...(each ? ["--per-head"] : [])]);
    expect([code, stderr]).toEqual([0, ""]);
    const { weights } = layer.forwardSync(x, { needWeights: true, averageWeights: !each });
    expectWeights(weightsIn(readFileSync(file("layer.svg"), "utf8")), [...weights!.data]);
  }
});

test.each([
  [["--svg", "a.png"], 2, '--svg expected a name that ends in .svg, got "a.png"'],
  [["--png", "a.svg"], 2, '--png expected a name that ends in .png, got "a.svg"'],
  [["--svg", "nowhere/a.svg"], 1, "no such folder: nowhere, in which a.svg should be"],
  [["--log-colors"], 2, "--colors and --log-colors expected a picture: --svg FILE or --png FILE"],
  [
    ["--svg", "a.svg", "--colors", "jet"],
    2,
    '--colors expected viridis, magma, cividis, blues, greys, got "jet" (wasm-attention explore --help)',
  ],
])("explore x %j fails in one line", async (args, code, message) => {
  expect(await run(["explore", "x", ...args])).toEqual({
    code,
    stdout: "",
    stderr: `wasm-attention: ${message}\n`,
  });
  expect(existsSync("a.svg")).toBe(false);
});

test("a text that is drawn over is not", async () => {
  writeFileSync(file("text.svg"), "a b c");
  const { code, stderr } = await run(["explore", file("text.svg"), "--svg", file("text.svg")]);
  expect([code, stderr]).toEqual([
    2,
    `wasm-attention: ${file("text.svg")} is an input: the picture may not overwrite it\n`,
  ]);
  expect(readFileSync(file("text.svg"), "utf8")).toBe("a b c");
});
