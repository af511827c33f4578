/** One thread's reading: the loop, and memory of its own that holds the numbers 0, 1, 2 and so on. */

/** What a thread is started with. */
export interface ReaderTask {
  readonly binary: Uint8Array<ArrayBuffer>;
  readonly most: number;
  /** 32-bit words: the round, what to read in it, how many threads have, and their sums. */
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly index: number;
}

export const [ROUND, BYTES, PASSES, DONE, SUMS] = [0, 1, 2, 3, 4] as const;

const pageBytes = 65536;

/** Reads the first `bytes` so many times; what it returns is `expectSum`. */
export type Read = (bytes: number, passes: number) => number;

interface ReadExports {
  readonly memory: WebAssembly.Memory;
  readonly read: (start: number, bytes: number, passes: number) => number;
}

/** @param most bytes that will be read */
export function createRead(binary: Uint8Array<ArrayBuffer>, most: number): Read {
  const module = new WebAssembly.Module(binary);
  const instance = new WebAssembly.Instance(module, { env: { abort: () => {} } });
  const { memory, read } = instance.exports as unknown as ReadExports;
  const start = memory.buffer.byteLength;
  memory.grow(Math.ceil(most / pageBytes));
  // Written, or all its pages would be the one page of zeros.
  const words = new Uint32Array(memory.buffer, start, most / 4);
  for (let i = 0; i < words.length; i++) words[i] = i;
  // Short calls first: V8 moves a function to optimized code between calls, never inside one.
  for (let i = 0; i < 5000; i++) read(start, Math.min(most, pageBytes / 8), 1);
  return (bytes, passes) => read(start, bytes, passes);
}

/** The sum of the numbers read, modulo 2^32. */
export function expectSum(bytes: number, passes: number): number {
  const words = bytes / 4;
  return Math.imul((words * (words - 1)) / 2, passes);
}
