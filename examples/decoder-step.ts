// A decoder that looks back at the encoder: in each step, one query attends to all encoder states.
//
// A translator reads the whole source sentence once; its encoder leaves one state, a vector, for each source word. Then
// its decoder writes the translation word by word. In each step, the newest word's state asks which source words matter
// for the word to come: one query (L = 1) against the states of all S source words. This is cross-attention:
//
//   scores  = query keysT / sqrt(E)     [H, 1, S]   how well each source word answers
//   weights = softmax(scores)           [H, 1, S]   how much of each to take
//   output  = weights values            [H, 1, E]   what the decoder goes on with
//
// Keys and values come from the encoder alone and are the same in every step, so they are put into the engine's memory
// once; a step then copies one query in, and nothing else. Nothing here is causal: the source sentence is there as a
// whole. (With sentences of several lengths in a batch, `kvLengths` says where each one ends.)
//
// A trained model projects states to queries, keys and values. This example has no training, so it takes the states as
// they are, and gives the decoder the states that training aims at: each is like that of the source word to be
// translated next. The table it prints is the alignment of the two sentences.
import { createEngine, Embedding, sinusoidalPositions } from "wasm-attention";
import * as reference from "wasm-attention/reference";

const source = ["the", "black", "cat", "sleeps"];
const target = ["le", "chat", "noir", "dort"];
/** The source word that each target word translates. */
const alignment = [0, 2, 1, 3];

const H = 4; // heads
const E = 16; // size of a head
const S = source.length;
const heads = [...Array(H).keys()];

// The encoder's states, [S, H * E]: what a word means, and where it stands.
const meanings = new Embedding({ numEmbeddings: S, embedDim: H * E, seed: 1 }).forward(
  source.map((_, id) => id),
);
const positions = sinusoidalPositions(S, H * E);
const states = meanings.data.map((x, i) => x + positions.data[i]!);

// Heads are columns of a state: with layout "BLHE" the states are read as [B, S, H, E] where they lie.
const engine = createEngine();
const keys = engine.tensor([1, S, H, E]);
const values = engine.tensor([1, S, H, E]);
const query = engine.tensor([1, 1, H, E]);
const output = engine.tensor([1, 1, H, E]);
keys.data.set(states);
values.data.set(states);

console.log(" ".repeat(8), ...source.map((word) => word.padEnd(8)));
let largestError = 0;
for (const [step, word] of target.entries()) {
  query.data.set(decoderState(step));
  const { weights } = await engine.scaledDotProductAttention(query, keys, values, {
    layout: "BLHE",
    returnWeights: true,
    out: output,
  });

  // weights is [B = 1, H, L = 1, S]: the mean over the heads says which source word the decoder looks at.
  const attended = source.map((_, s) => mean(heads.map((head) => weights!.data[head * S + s]!)));
  console.log(word.padEnd(8), ...attended.map((weight) => `${(100 * weight).toFixed(1)}%`.padEnd(8)));

  const lookedAt = attended.indexOf(Math.max(...attended));
  if (lookedAt !== alignment[step])
    throw new Error(
      `"${word}" should look at "${source[alignment[step]!]}", it looks at "${source[lookedAt]}"`,
    );
  const exact = reference.scaledDotProductAttention(query, keys, values, { layout: "BLHE" }).output;
  for (const [i, x] of output.data.entries())
    largestError = Math.max(largestError, Math.abs(x - exact.data[i]!));
}
console.log(`Largest difference from the float64 reference: ${largestError.toExponential(1)}`);
if (!(largestError < 1e-5)) throw new Error("the output is not that of the reference");

for (const tensor of [keys, values, query, output]) tensor.dispose();
await engine.dispose();

/** Like the state of the source word to be translated next, with a fifth of something else. */
function decoderState(step: number): Float32Array {
  const state = states.subarray(alignment[step]! * H * E, (alignment[step]! + 1) * H * E);
  return state.map((x, i) => 0.8 * x + 0.2 * Math.cos(i + step));
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
}
