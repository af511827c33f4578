// Attention over two worker threads of your own: each holds a stretch of the keys, and the parent merges their parts.
//
// An engine has threads already, and uses them for every call. Threads of your own are for programs that have them
// anyway: a service whose workers each hold a shard of a long document, say, and with the same few lines processes, or
// machines. A worker makes its own engine and keeps its keys; a query goes out to all of them, and what comes back of
// each is a part: L rows of V numbers and a logarithm each, whatever the number of keys. Results of this library are
// plain arrays of their own, so they are transferred rather than copied.
//
// This file is both the parent and the worker.
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type AttentionPart, createEngine, Embedding, mergeAttention, tensor } from "wasm-attention";
import * as reference from "wasm-attention/reference";

/** What a worker is given at its start. */
interface Shard {
  readonly key: Float32Array;
  readonly value: Float32Array;
  /** Keys of this shard, and the position of the first of them. */
  readonly length: number;
  readonly start: number;
}

/** What a worker is asked: queries, and the position of the first of them. */
interface Question {
  readonly query: Float32Array;
  readonly position: number;
}

const H = 4; // heads
const E = 32; // size of a head
const L = 2; // queries
const S = 1000; // keys

if (isMainThread) await main();
else work(workerData as Shard);

async function main(): Promise<void> {
  const [query, key, value] = [random(L, 1), random(S, 2), random(S, 3)];
  const workers = [
    [0, 400],
    [400, S],
  ].map(([start, end]) => startWorker(key, value, start!, end!));

  const parts = await Promise.all(workers.map((worker) => ask(worker, { query, position: S - L })));
  const { output } = await mergeAttention(parts, { layout: "BLHE" });
  for (const worker of workers) await worker.terminate();

  const rows = (data: Float32Array, length: number) => tensor(data, [length, H, E]);
  const options = { layout: "BLHE", causal: "bottom-right" } as const;
  const exact = reference.scaledDotProductAttention(
    rows(query, L),
    rows(key, S),
    rows(value, S),
    options,
  ).output;
  const largestError = output.data.reduce(
    (largest, x, i) => Math.max(largest, Math.abs(x - exact.data[i]!)),
    0,
  );
  console.log(
    `${workers.length} workers, ${S} keys, ${L} queries of ${H} heads: output ${output.shape.join(" x ")}`,
  );
  console.log(`Largest difference from the float64 reference: ${largestError.toExponential(1)}`);
  if (!(largestError < 1e-6)) throw new Error("merged, the parts are not the whole");
}

/** A worker that holds keys `start` to `end`. Rows are whole tokens, [S, H, E], so a shard is one piece of them. */
function startWorker(key: Float32Array, value: Float32Array, start: number, end: number): Worker {
  const shard: Shard = {
    key: key.slice(start * H * E, end * H * E),
    value: value.slice(start * H * E, end * H * E),
    length: end - start,
    start,
  };
  const transferList = [shard.key.buffer, shard.value.buffer] as ArrayBuffer[];
  return new Worker(new URL(import.meta.url), { workerData: shard, transferList });
}

/** Sends a question and waits for the part. A worker that fails makes this throw. */
async function ask(worker: Worker, question: Question): Promise<AttentionPart> {
  worker.postMessage(question);
  const [part] = await once(worker, "message");
  return part as AttentionPart;
}

/** The worker: keeps its keys in its engine's memory and answers every question with a part. */
function work(shard: Shard): void {
  const engine = createEngine();
  const [key, value] = [shard.key, shard.value].map((data) => {
    const held = engine.tensor([shard.length, H, E]);
    held.data.set(data);
    return held;
  });
  parentPort?.on("message", ({ query, position }: Question) => {
    const { output, logSumExp } = engine.scaledDotProductAttentionSync(
      tensor(query, [L, H, E]),
      key!,
      value!,
      {
        layout: "BLHE",
        causal: true,
        queryOffset: position - shard.start,
        returnLogSumExp: true,
      },
    );
    // A Tensor is an object of a class: what crosses is its data and its shape.
    const part = [output, logSumExp!].map(({ data, shape }) => ({ data, shape }));
    const transferList = part.map(({ data }) => data.buffer) as ArrayBuffer[];
    parentPort?.postMessage({ output: part[0], logSumExp: part[1] }, transferList);
  });
}

/** `[length, H, E]` of random numbers, as a model's would be. */
function random(length: number, seed: number): Float32Array {
  const numbers = new Embedding({ numEmbeddings: length, embedDim: H * E, seed });
  return numbers.forward([...Array(length).keys()]).data;
}
