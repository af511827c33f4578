/**
 * The most that a kernel of 128-bit SIMD can reach here: loops that do nothing but multiply and add, four floats at a
 * time, in registers. The module is put together byte by byte, as WebAssembly's binary format has it
 * (https://webassembly.github.io/spec/core/binary/): the loops are short, and a compiler is long.
 *
 * A chain is a register whose next value depends on its last, so it takes as many chains as keep all units busy; with more, V8
 * runs out of registers. How many that is depends on the processor and on V8: the fastest loop is the peak.
 */

export type PeakSet = "strict" | "relaxed";

/** The fastest of a set's loops, to be run beside what is measured. */
export interface Peak {
  /** Operations of one `run`. */
  readonly flops: number;
  run(): void;
}

/** Chains, and what a step does to them: a fused operation, both one after the other, or one to each half of them. */
interface Loop {
  readonly chains: number;
  readonly step: "fused" | "both" | "either";
}

const loopsOf: Readonly<Record<PeakSet, readonly Loop[]>> = {
  strict: [
    ...[8, 11, 12, 13].map((chains) => ({ chains, step: "both" }) as const),
    { chains: 12, step: "either" },
  ],
  relaxed: [8, 10, 12].map((chains) => ({ chains, step: "fused" })),
};
/** Steps of every chain in one round, so that the loop's own instructions do not show. */
const unroll = 4;
/** About a quarter of a millisecond: short enough to fall between two interruptions. */
const rounds = 4000;

/** Tries all loops in turn, many times, and picks the one whose best call was fastest. */
export function findPeak(set: PeakSet): Peak {
  const loops = loopsOf[set].map((form) => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(loopModule(form)));
    const loop = exports.loop as (rounds: number, factor: number, term: number) => number;
    // Values converge to 1 or fade slowly: no infinities, no subnormals.
    const call = (count: number): void => void loop(count, 0.9999, 0.0001);
    const flops = (form.step === "either" ? 1 : 2) * 4 * form.chains * unroll * rounds;
    return { flops, run: () => call(rounds), call, best: Infinity };
  });
  // Short calls first: V8 moves a function to optimized code between calls, never inside one.
  for (const { call } of loops) for (let i = 0; i < 200; i++) call(100);
  for (let turn = 0; turn < 30; turn++)
    for (const loop of loops) {
      const begun = performance.now();
      loop.run();
      loop.best = Math.min(loop.best, performance.now() - begun);
    }
  return loops.reduce((a, b) => (b.flops / b.best > a.flops / a.best ? b : a));
}

const [i32, f32, v128] = [0x7f, 0x7d, 0x7b];
const [localGet, localSet, localTee] = [0x20, 0x21, 0x22];
const splat = [0xfd, 0x13];
const add = [0xfd, 0xe4, 0x01];
const multiply = [0xfd, 0xe6, 0x01];
const multiplyAdd = [0xfd, 0x85, 0x02];

/** A module with `loop(rounds: i32, factor: f32, term: f32): f32`, the sum of the chains so that none is dead. */
function loopModule({ chains, step }: Loop): Uint8Array<ArrayBuffer> {
  const [rounds, x, y, factor, term, first] = [0, 1, 2, 3, 4, 5];
  const all = Array.from({ length: chains }, (_, i) => first + i);
  const by = (register: number, operation: readonly number[]): number[] => [localGet, register, ...operation];
  const operations = (chain: number): number[] => {
    if (step === "fused") return [localGet, factor, ...by(term, multiplyAdd)];
    if (step === "both") return [...by(factor, multiply), ...by(term, add)];
    return chain % 2 ? by(term, add) : by(factor, multiply);
  };
  const advance = (chain: number): number[] => [localGet, chain, ...operations(chain), localSet, chain];
  const body = [
    ...[1, chains + 2, v128], // one group of locals
    ...[localGet, x, ...splat, localSet, factor, localGet, y, ...splat, localSet, term],
    // Each chain begins elsewhere, or they would be computed once.
    ...all.flatMap((chain) => [0x43, ...float(1 + chain / 16), ...splat, localSet, chain]),
    ...[0x03, 0x40], // loop
    ...Array.from({ length: unroll }, () => all.flatMap(advance)).flat(),
    ...[localGet, rounds, 0x41, 1, 0x6b, localTee, rounds, 0x0d, 0, 0x0b], // rounds - 1; again unless 0; end
    ...[localGet, first, ...all.slice(1).flatMap((chain) => [localGet, chain, ...add])],
    ...[0xfd, 0x1f, 0, 0x0b], // lane 0
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, i32, f32, f32, 1, f32]),
    ...section(3, [1, 0]),
    ...section(7, [1, 4, ...[..."loop"].map((letter) => letter.charCodeAt(0)), 0, 0]),
    ...section(10, [1, ...sized(body)]),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

/** Behind its length, which LEB128 writes seven bits a byte. */
function sized(content: readonly number[]): number[] {
  const { length } = content;
  return length < 128 ? [length, ...content] : [(length & 127) | 128, length >> 7, ...content];
}

function float(value: number): Uint8Array {
  return new Uint8Array(Float32Array.of(value).buffer);
}
