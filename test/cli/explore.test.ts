import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { displayWidth } from "../../src/inspect/text/label.ts";
import { Random } from "../../src/random.ts";
import { writeSafetensors } from "../../src/safetensors/index.ts";
import { dataOf, readHead } from "../inspect/page.ts";
import { run } from "../support/command.ts";

const folder = mkdtempSync(join(tmpdir(), "wasm-attention-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("explores a text: table, check and picture", async () => {
  const plain = ["--projections", "none", "--positions", "none"];
  const { code, stdout, stderr } = await run(["explore", "the dog chased the cat", ...plain]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Self-attention over the text given: 12 heads of 64\n/);
  expect(stdout).toMatch(/\ntokens +5 +words, 4 different\n/);
  expect(stdout).toMatch(/\nlargest error +\d\.\de-\d+ +in 5 rows against float64\n/);
  // Without positions and projections both "the" are one vector: a token looks at its like.
  expect(stdout).toMatch(/\n {3}the ██ {4}██ {5}\d\d% the\n/);
  expect(stdout).toMatch(/\nchased {5}██ {6,7}\d+% chased\n/);
  expect(Math.max(...stdout.split("\n").map(displayWidth))).toBeLessThanOrEqual(80);
});

test("says the same as JSON", async () => {
  const args = ["explore", "-", "--json", "--causal", "--heads", "2", "--head-size", "8", "--show", "3"];
  const { code, stdout } = await run(args, "the dog chased the cat");
  expect(code).toBe(0);
  const facts = JSON.parse(stdout);
  expect(facts.tokens).toEqual({ unit: "words", count: 5, total: 5, distinct: 4 });
  expect(facts.layer).toMatchObject({ heads: 2, headSize: 8, embedDim: 16, causal: true, seed: 0 });
  expect(facts.layer.weights).toBe("seeded, untrained");
  expect(facts.flops).toBe(4 * 2 * 8 * 15);
  expect(facts.errors.largest).toBeLessThan(1e-6);
  expect(facts.picture.tokens).toEqual(["the", "dog", "chased"]);
  expect(facts.picture.weights[0]).toEqual([1, 0, 0]);
  const sums = facts.picture.weights.map((row: number[]) => row.reduce((sum, weight) => sum + weight, 0));
  for (const sum of sums) expect(sum).toBeCloseTo(1, 6);
  const again = JSON.parse((await run(args, "the dog chased the cat")).stdout);
  expect(again.picture).toEqual(facts.picture);
});

test("runs PyTorch's weights, behind a prefix, with bias_k and bias_v", async () => {
  const random = new Random(1);
  const D = 16;
  const file = join(folder, "layer.safetensors");
  const layer = {
    in_proj_weight: { data: random.fillXavier(3 * D, D), shape: [3 * D, D] },
    in_proj_bias: { data: random.fillNormal(3 * D), shape: [3 * D] },
    bias_k: { data: random.fillNormal(D), shape: [1, 1, D] },
    bias_v: { data: random.fillNormal(D), shape: [1, 1, D] },
    "out_proj.weight": { data: random.fillXavier(D, D), shape: [D, D] },
    "out_proj.bias": { data: random.fillNormal(D), shape: [D] },
  };
  const named = Object.entries(layer).map(([name, tensor]) => [`encoder.self_attn.${name}`, tensor]);
  writeFileSync(file, writeSafetensors(Object.fromEntries(named)));
  const weights = ["--weights", file, "--heads", "4", "--json"];
  for (const causal of [[], ["--causal"]]) {
    const { code, stdout, stderr } = await run(["explore", "a b c d e f g", ...weights, ...causal]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const { errors, layer: sizes, picture } = JSON.parse(stdout);
    expect(sizes).toMatchObject({ heads: 4, headSize: 4, embedDim: 16 });
    expect(errors.largest).toBeLessThan(3e-6);
    // The appended key takes its share.
    expect(picture.weights[0].reduce((sum: number, weight: number) => sum + weight, 0)).toBeLessThan(0.999);
  }
  // A prefix names the layer, as it must where there are several.
  const named2 = { ...Object.fromEntries(named), "decoder.out_proj.weight": layer["out_proj.weight"] };
  const several = join(folder, "several.safetensors");
  writeFileSync(several, writeSafetensors(named2));
  const which = ["explore", "a b", "--heads", "4", "--weights", several];
  expect(await run(which)).toMatchObject({
    code: 1,
    stderr: `wasm-attention: ${several} has 2 layers: --prefix expected one of "decoder.", "encoder.self_attn."\n`,
  });
  expect(await run([...which, "--prefix", "encoder.self_attn", "--json"])).toMatchObject({
    code: 0,
    stderr: "",
  });
  const wrong = await run(["explore", "a b", "--weights", file, "--heads", "5"]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toBe(
    `wasm-attention: --heads expected a divisor of 16, the embedding size of ${file}, got 5\n`,
  );
});

const binary = join(folder, "binary.txt");
writeFileSync(binary, Uint8Array.of(0xff, 0xfe, 0x41));
const other = join(folder, "other.safetensors");
writeFileSync(other, writeSafetensors({ weight: { data: new Float32Array(4), shape: [2, 2] } }));

test.each([
  [["explore", "nothing/here"], 1, "no such file: nothing/here"],
  [["explore", "missing.txt"], 1, "no such file: missing.txt"],
  [["explore", folder], 1, `${folder} is a directory, not a file`],
  [["explore", " "], 1, "the text given is empty: there is nothing to attend to"],
  [["explore", "-"], 1, "standard input is empty: there is nothing to attend to"],
  [["explore", binary], 1, `${binary} is no UTF-8 text`],
  [["explore", "x", "--weights", "missing.safetensors"], 1, "no such file: missing.safetensors"],
  [
    ["explore", "x", "--weights", binary],
    1,
    `cannot use ${binary}: the safetensors file has 3 bytes, too few for a header`,
  ],
  [
    ["explore", "x", "--weights", other],
    1,
    `${other} has no weights of nn.MultiheadAttention: expected "out_proj.weight", got "weight"`,
  ],
  [["explore", "x", "--prefix", "encoder"], 2, "--prefix expected --weights FILE"],
  [["explore", "x", "--head", "12"], 2, "--head expected 0 to 11, the layer's heads, got 12"],
  [["explore", "x", "--html", "x.txt"], 2, '--html expected a name that ends in .html, got "x.txt"'],
  [
    ["explore", "x", "--html", join(folder, "no", "x.html")],
    1,
    `no such folder: ${join(folder, "no")}, in which x.html should be`,
  ],
  [
    ["explore", "x ".repeat(2049), "--html", join(folder, "x.html")],
    2,
    "--html expected at most 2048 tokens, got 2049; --max-tokens 2048 cuts the text",
  ],
])("%j fails in one line", async (args, code, message) => {
  expect(await run(args)).toEqual({ code, stdout: "", stderr: `wasm-attention: ${message}\n` });
});

test("writes all heads as a page", async () => {
  const html = join(folder, "page.html");
  const args = ["explore", "a <b> c", "--heads", "2", "--head-size", "8", "--causal", "--json"];
  const { code, stdout, stderr } = await run([...args, "--html", html]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const facts = JSON.parse(stdout);
  const page = readFileSync(html, "utf8");
  expect(facts.html).toEqual({ file: html, bytes: statSync(html).size });
  expect(page).toContain("<title>Causal self-attention over the text given: 2 heads of 8</title>");
  expect(dataOf(page).queryTokens).toEqual(["a", "<", "b", ">", "c"]);
  const { weights } = readHead(page, 0, 0);
  // A small matrix has exact weights: those of the picture.
  expect([...weights]).toEqual(facts.picture.weights.flat());
  expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
  const again = await run(["explore", "a b c", "--html", html]);
  expect(again.stdout.replaceAll(/\s+/g, " ")).toMatch(
    / Written to \S*page\.html: all heads, html, [\d.]+ KiB: open it in a browser\. $/,
  );
});

test("explores a sample where there is no text, and says so", async () => {
  const { code, stdout, stderr } = await run(["explore", "--show", "2"]);
  expect(code).toBe(0);
  expect(stderr).toBe(
    'wasm-attention: no text given, so this is a sample: pass a FILE, "some text", or - for standard input\n',
  );
  expect(stdout).toMatch(/^Self-attention over a sample sentence: 12 heads of 64\n/);
});
