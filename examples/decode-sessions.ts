// Several conversations decoded side by side, each with its own keys and values in one cache.
//
// A language model writes a token at a time. Keys and values of past tokens never change, so they are kept: a step
// projects one new token per session, appends its key and value, and attends to everything before. With the cache a
// token costs O(length); computing it all anew would cost O(length^2).
//
//   prompt    forward([B, n, E], { cache, causal, lengths })   n tokens at once, prompts of different lengths
//   step      forward([B, 1, E], { cache })                    one token for every session
//   end       cache.truncate([8, 0, 9])                        session 1 is over: its entry is empty again
//   entry     forward(..., { cache, lengths: [0, n, 0] })      another session takes its place, the others wait
//
// The model here has random weights and writes nonsense: embeddings, two layers of grouped-query attention with rotary
// positions, and the embedding most like the result as next token.
// Every session is checked against a run of its own that computes everything anew for each token.
import { createEngine, Embedding, KVCache, MultiHeadAttention, matmulSync, tensor } from "wasm-attention";

const alphabet = "abcdefghijklmnopqrstuvwxyz .";
const embedDim = 64;
const sizes = { embedDim, numHeads: 4, numKvHeads: 2, rotary: true };
const cacheSizes = { kvHeads: 2, headDim: embedDim / 4, maxLength: 200 };

const engine = createEngine();
const embedding = new Embedding({ numEmbeddings: alphabet.length, embedDim, seed: 1 });
const layers = [2, 3].map((seed) => new MultiHeadAttention({ ...sizes, seed, engine }));

/** A conversation: what it has so far, and how long it may get. */
interface Session {
  readonly prompt: string;
  readonly tokens: number[];
  readonly end: number;
}

const waiting = [
  "the cat sat on the mat",
  "attention is",
  "all you need is a key and a value",
  "once upon a time",
].map((prompt, i): Session => ({ prompt, tokens: encode(prompt), end: prompt.length + 12 + 7 * i }));
const finished: Session[] = [];

const B = 3;
const caches = layers.map(() => new KVCache({ batch: B, ...cacheSizes, engine }));
const running: (Session | undefined)[] = new Array<undefined>(B).fill(undefined);
let steps = 0;

for (;;) {
  await admit();
  if (running.every((session) => session === undefined)) break;
  await step();
  steps++;
}
console.log(`${finished.length} sessions in ${steps} steps of ${B} side by side`);
for (const { prompt, tokens } of finished) console.log(`  ${prompt}|${decode(tokens.slice(prompt.length))}`);

for (const { prompt, tokens } of finished) {
  const alone = encode(prompt);
  while (alone.length < tokens.length) alone.push(await nextAnew(alone));
  if (decode(alone) !== decode(tokens)) throw new Error(`"${prompt}" went on differently by itself`);
}
for (const cache of caches) cache.dispose();
for (const layer of layers) layer.dispose();
if (engine.info().memory.used !== 0) throw new Error("memory was not given back");
await engine.dispose();

/** Sessions that wait take the free places: their prompts are computed at once, each as long as it is. */
async function admit(): Promise<void> {
  const prompts = running.map((session, b) => {
    if (session !== undefined || waiting.length === 0) return [];
    running[b] = waiting.shift()!;
    return running[b].tokens;
  });
  if (prompts.some((tokens) => tokens.length > 0)) await extend(prompts);
}

/** One more token for every session; those that have reached their end leave. */
async function step(): Promise<void> {
  await extend(running.map((session) => (session === undefined ? [] : session.tokens.slice(-1))));
  const over = running.map((session) => session !== undefined && session.tokens.length >= session.end);
  for (const cache of caches) cache.truncate(cache.lengths.map((length, b) => (over[b] ? 0 : length)));
  over.forEach((isOver, b) => {
    if (!isOver) return;
    finished.push(running[b]!);
    running[b] = undefined;
  });
}

/** Runs new tokens of each session through the model, and adds the token that follows the last one. */
async function extend(added: readonly number[][]): Promise<void> {
  const lengths = added.map((tokens) => tokens.length);
  const L = Math.max(...lengths);
  // Shorter ones are filled up with anything: `lengths` says what counts.
  const ids = added.flatMap((tokens) => [...tokens, ...new Array<number>(L - tokens.length).fill(0)]);
  let x = tensor(embedding.forward(ids).data, [B, L, embedDim]);
  for (const [i, layer] of layers.entries()) {
    ({ output: x } = await layer.forward(x, { cache: caches[i], causal: true, lengths }));
  }
  running.forEach((session, b) => {
    if (session === undefined || lengths[b] === 0) return;
    const last = (b * L + lengths[b]! - 1) * embedDim;
    session.tokens.push(mostLikely(x.data.subarray(last, last + embedDim)));
  });
}

/** The next token without a cache. */
async function nextAnew(tokens: readonly number[]): Promise<number> {
  let x = tensor(embedding.forward(tokens).data, [1, tokens.length, embedDim]);
  for (const layer of layers) {
    ({ output: x } = await layer.forward(x, { causal: true }));
  }
  return mostLikely(x.data.subarray(-embedDim));
}

function mostLikely(state: Float32Array): number {
  const weight = tensor(embedding.weight.data, [alphabet.length, embedDim]);
  const logits = matmulSync(tensor(state, [1, embedDim]), weight, { transposeB: true }).data;
  return logits.indexOf(Math.max(...logits));
}

function encode(text: string): number[] {
  return Array.from(text, (letter) => alphabet.indexOf(letter));
}

function decode(tokens: readonly number[]): string {
  return tokens.map((token) => alphabet[token]).join("");
}
