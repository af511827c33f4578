/** How fast memory is read, by one thread and by several at once, each its own part. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { compile } from "../compile.ts";
import type { Candidate } from "../measure.ts";
import { createReadSource } from "./read-source.ts";
import {
  BYTES,
  createRead,
  DONE,
  expectSum,
  PASSES,
  type Read,
  type ReaderTask,
  ROUND,
  SUMS,
} from "./reader.ts";

/** Where what is read lies, and how much of it each thread reads over and over. */
export interface Level {
  readonly name: string;
  readonly bytes: number;
}

/**
 * The sizes of caches differ, and Node does not tell them. These fit those of today's servers and laptops: first level 32 KiB
 * and more, second level 256 KiB and more, third level 4 MiB a thread and more, all of them under 128 MiB a thread.
 */
export const levels: readonly Level[] = [
  { name: "L1", bytes: 16 * 2 ** 10 },
  { name: "L2", bytes: 192 * 2 ** 10 },
  { name: "L3", bytes: 4 * 2 ** 20 },
  { name: "memory", bytes: 128 * 2 ** 20 },
];

/** A level read by so many threads at once; its work is bytes. */
export interface Reading extends Candidate {
  readonly level: Level;
  readonly threads: number;
  run(): void;
  /** Says what is wrong with the sums, or nothing. */
  check(): string | undefined;
}

/** Read in one run by each thread: some milliseconds, beside which waking the threads is nothing. */
const bytesPerRun = 2 ** 28;

/** All levels, read by so many threads at once: this one, and workers. */
export async function createReadings(
  threads: number,
): Promise<{ readings: Reading[]; dispose(): Promise<void> }> {
  const binary = compile("read", createReadSource());
  const most = Math.max(...levels.map(({ bytes }) => bytes));
  const control = new Int32Array(new SharedArrayBuffer(4 * (SUMS + threads)));
  const workers: Worker[] = [];
  for (let index = 1; index < threads; index++) {
    const task: ReaderTask = { binary, most, control, index };
    const worker = new Worker(new URL("./reader-worker.js", import.meta.url), { workerData: task });
    await once(worker, "message");
    workers.push(worker);
  }
  const read = createRead(binary, most);
  return {
    readings: levels.map((level) => createReading(level, threads, read, control)),
    dispose: async () => {
      startRound(control, 0, 0);
      await Promise.all(workers.map((worker) => once(worker, "exit")));
    },
  };
}

function createReading(
  level: Level,
  threads: number,
  read: Read,
  control: Int32Array<SharedArrayBuffer>,
): Reading {
  const { name, bytes } = level;
  const passes = Math.ceil(bytesPerRun / bytes);
  const run = () => {
    startRound(control, bytes, passes);
    control[SUMS] = read(bytes, passes);
    // A processor of its own for each thread: nobody is kept from reading by this.
    while (Atomics.load(control, DONE) < threads - 1);
  };
  const check = () => {
    control.fill(-1, SUMS);
    run();
    const expected = expectSum(bytes, passes);
    const wrong = control.subarray(SUMS).find((sum) => sum !== expected);
    return wrong === undefined ? undefined : `the sum is ${wrong}, expected ${expected}`;
  };
  return { name: `${name}, ${threads} threads`, work: threads * passes * bytes, level, threads, run, check };
}

/** Tells the workers to read, or with 0 bytes to end. */
function startRound(control: Int32Array<SharedArrayBuffer>, bytes: number, passes: number): void {
  Atomics.store(control, BYTES, bytes);
  Atomics.store(control, PASSES, passes);
  Atomics.store(control, DONE, 0);
  Atomics.add(control, ROUND, 1);
  Atomics.notify(control, ROUND);
}
