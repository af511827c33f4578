import type { KernelSet } from "../ours.ts";

/**
 * AssemblyScript loops that do nothing but multiply and add, four floats at a time, in registers: what
 * they reach is the most a kernel of 128-bit SIMD can, and, where V8 joins two of them to one (wide), of
 * 256-bit SIMD. They share nothing with the package's kernels.
 *
 * A chain is a register whose next value depends on its last, so one chain runs at the latency of its
 * operations and it takes latency x units of them to keep all units busy: 8 where fused operations take
 * 4 cycles on 2 units, 12 where a multiplication and an addition take 3 each on 2 units of their own (AMD
 * Zen). V8 runs out of registers soon after, how soon depends on its version: hence several counts, of
 * which the best is the peak.
 */
export interface PeakLoop {
  readonly name: string;
  readonly chains: number;
  /** Floating-point operations of one round. */
  readonly flopsPerRound: number;
}

interface LoopForm {
  /** One step of chain `c`. The values converge to 1 or fade slowly: no infinities, no subnormals. */
  readonly step: (c: string, chain: number) => string;
  /** Operations on each of the four lanes in one step. */
  readonly operations: number;
  readonly chains: readonly number[];
  /** Steps written out per round, where the loop's own instructions would cost. */
  readonly unroll: number;
}

const forms: Record<KernelSet, Record<string, LoopForm>> = {
  strict: {
    /** Every chain multiplies, then adds. */
    alternating: {
      step: (c) => `${c} = f32x4.add(f32x4.mul(${c}, factor), term);`,
      operations: 2,
      chains: [8, 11, 12, 13],
      unroll: 1,
    },
    /** Half of the chains multiply, half add: half the latency, the same work. */
    separate: {
      step: (c, chain) => (chain % 2 ? `${c} = f32x4.add(${c}, term);` : `${c} = f32x4.mul(${c}, factor);`),
      operations: 1,
      chains: [12],
      unroll: 1,
    },
  },
  relaxed: {
    fused: {
      step: (c) => `${c} = f32x4.relaxed_madd(${c}, factor, term);`,
      operations: 2,
      chains: [8, 10, 12],
      unroll: 4,
    },
  },
  wide: {
    /** Twice as many chains, as V8 joins neighbours that are stored side by side in the end. */
    fusedPairs: {
      step: (c) => `${c} = f32x4.relaxed_madd(${c}, factor, term);`,
      operations: 2,
      chains: [16, 20, 24],
      unroll: 4,
    },
  },
};

/** What `createSource` exports, in order. */
export function listLoops(set: KernelSet): PeakLoop[] {
  return Object.entries(forms[set]).flatMap(([form, { chains, operations, unroll }]) =>
    chains.map((count) => ({
      name: `${form}${count}`,
      chains: count,
      flopsPerRound: count * unroll * operations * 4,
    })),
  );
}

/** The AssemblyScript text of a kernel set's loops: `name(rounds, factor, term, 0)`; what they end with is stored, so that nothing is dead. */
export function createSource(set: KernelSet): string {
  return Object.entries(forms[set])
    .flatMap(([name, form]) => form.chains.map((count) => createLoop(`${name}${count}`, form, count)))
    .join("\n");
}

function createLoop(name: string, form: LoopForm, count: number): string {
  const chains = Array.from({ length: count }, (_, i) => `c${i}`);
  // Neighbours begin alike: V8 joins no constants that differ.
  const starts = chains.map((c, i) => `  let ${c} = f32x4.splat(${(1 + (i >> 1) / 8).toFixed(4)});`);
  const steps = chains.map((c, i) => `    ${form.step(c, i)}`);
  // Of an address that is no constant: Node 26 joins no stores to others.
  const stores = chains.map((c, i) => `  v128.store(end, ${c}, ${16 * i});`);
  return `export function ${name}(rounds: i32, x: f32, y: f32, offset: i32): void {
  const end = memory.data(${16 * count}) + offset;
  const factor = f32x4.splat(x);
  const term = f32x4.splat(y);
${starts.join("\n")}
  for (let round = 0; round < rounds; round++) {
${Array(form.unroll).fill(steps.join("\n")).join("\n")}
  }
${stores.join("\n")}
}
`;
}
