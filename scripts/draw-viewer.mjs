// Takes the picture of the viewer that the documentation shows, docs/images/viewer.png. Run it after a build, where there is
// Chromium.
//   node scripts/draw-viewer.mjs
//
// Nothing in it is trained: queries and keys are the embedded words of a text, so that a word looks at its like, and each layer
// is an option of the operator by which heads of trained models differ, more of it from head to head.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { decode, encode } from "fast-png";
import { chromium } from "playwright-core";
import { createEngine, Embedding } from "wasm-attention";
import { toHtml } from "wasm-attention/inspect";
import { executablePath, noBrowser } from "../test/runtimes/support/browser.mjs";

if (noBrowser) throw new Error(noBrowser);

const text =
  "The dog chased the cat , the cat chased the mouse , and the mouse ran from the dog . " +
  "When the dog slept , the cat slept , and the mouse ate what the dog and the cat had left .";
const target = path.join(import.meta.dirname, "..", "docs", "images", "viewer.png");
const size = { width: 1080, height: 900 };

const tokens = text.split(" ");
const distinct = [...new Set(tokens.map((token) => token.toLowerCase()))];
const ids = Int32Array.from(tokens, (token) => distinct.indexOf(token.toLowerCase()));
const [H, L, E] = [8, tokens.length, 32];
const words = new Embedding({ numEmbeddings: distinct.length, embedDim: E, seed: 1 }).forward(ids);
// All heads see the same words.
const x = { data: new Float32Array(H * L * E), shape: [H, L, E] };
for (let h = 0; h < H; h++) x.data.set(words.data, h * L * E);

// Strict kernels give the same weights on every machine.
const engine = createEngine({ kernels: "strict", threads: 0 });
const attend = async (options) =>
  (await engine.scaledDotProductAttention(x, x, x, { ...options, returnWeights: true })).weights;
const heads = Array.from({ length: H }, (_, h) => h);
const slopes = heads.map((h) => 0.02 * 2 ** h);
const layers = [
  { name: "alike", weights: await attend({ causal: true, scale: 0.15 }) },
  { name: "near", weights: await attend({ causal: true, alibiSlopes: slopes }) },
  { name: "both", weights: await attend({ alibiSlopes: slopes }) },
  { name: "sink", weights: await attend({ causal: true, scale: 0.05, bias: toTheFirst() }) },
];

/** What makes the first word the place to look where there is nothing to look for. */
function toTheFirst() {
  const bias = new Float32Array(H * L * L);
  for (const h of heads) for (let i = 0; i < L; i++) bias[(h * L + i) * L] = h;
  return { data: bias, shape: [H, L, L] };
}

const html = await toHtml(layers, {
  tokens,
  title: "Words that look at their like",
  description: "Queries and keys are the words themselves. Heads differ in how far they look.",
});
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "viewer-"));
const file = path.join(folder, "viewer.html");
fs.writeFileSync(file, html);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: size });
await page.goto(`${pathToFileURL(file).href}#layer=2&head=2&query=26&key=4`);
await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
// Down to the text: the plots below it would make the picture too large to be read with the page around it.
const { y, height } = await page.locator("#tokens").boundingBox();
const picture = await page.screenshot({
  fullPage: true,
  clip: { x: 0, y: 0, width: size.width, height: y + height + 8 },
});
await browser.close();
// The browser packs a picture quickly rather than well.
fs.writeFileSync(target, encode(decode(picture), { zlib: { level: 9 } }));
await engine.dispose();
fs.rmSync(folder, { recursive: true });
console.log(`${path.relative(process.cwd(), target)}: ${fs.statSync(target).size} bytes`);
