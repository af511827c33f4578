import * as naive from "#baselines/naive";
import * as tuned from "#baselines/tuned";
import { affordableWork, type Case, type Entry } from "./case.ts";
import { type ExpectedRow, expectAttention, findMismatch, sampleRows } from "./check.ts";
import type { Contender, Engine } from "./ours.ts";
import type { AttentionInputs, AttentionSize } from "./problem.ts";
import { createRandom } from "./random.ts";

/** Two products of 2 L S E each; a causal mask leaves half of them. */
export function countFlops({ B, H, L, S, E, causal }: AttentionSize): number {
  return (4 * B * H * L * S * E) / (causal ? 2 : 1);
}

export function createAttentionCase(
  name: string,
  size: AttentionSize,
  contenders: readonly Contender[],
): Case {
  const inputs = createAttentionInputs(size);
  const rows = expectRows(inputs, size);
  const slice = sliceOf(size);
  const ours = contenders.map((contender) => createOurs(contender, inputs, size, rows));
  return {
    name,
    kind: "attention",
    size: formatSize(size),
    unit: "FLOP",
    work: countFlops(size),
    problem: { kind: "attention", size, inputs },
    slice: { problem: { kind: "attention", size: slice, inputs }, work: countFlops(slice) },
    rows,
    entries: [...ours.map(({ entry }) => entry), ...createBaselines(inputs, size, rows)],
    dispose: () => ours.forEach(({ dispose }) => void dispose()),
  };
}

export function createAttentionInputs({ B, H, K, L, S, E }: AttentionSize): AttentionInputs {
  const random = createRandom(L * 31 + S);
  return { query: random(B * H * L * E), key: random(B * K * S * E), value: random(B * K * S * E) };
}

/** All rows where there are few: the plain algorithm's error, which the tolerance is made of, differs by row up to tenfold. */
export function expectRows(inputs: AttentionInputs, size: AttentionSize): ExpectedRow[] {
  const count = size.B * size.H * size.L;
  return sampleRows(count, count <= 128 ? count : 25).map((row) => expectAttention(inputs, size, row));
}

export function formatSize({ B, H, K, L, S, E, causal }: AttentionSize): string {
  return `B${B} H${H}${K === H ? "" : `/${K}`} L${L} S${S} E${E}${causal ? " causal" : ""}`;
}

/** The JavaScript loops, the naive ones on a slice where the whole is too much. */
export function createBaselines(
  inputs: AttentionInputs,
  size: AttentionSize,
  rows: readonly ExpectedRow[],
): Entry[] {
  return [
    createBaseline("tuned", tuned.attention, inputs, size, rows),
    createBaseline("naive", naive.attention, inputs, sliceOf(size), rows),
  ];
}

function createOurs(
  { engine, name, kernels, threads }: Contender,
  inputs: AttentionInputs,
  size: AttentionSize,
  rows: readonly ExpectedRow[],
): { entry: Entry; dispose(): void } {
  const { run, check, dispose } = loadAttention(engine, inputs, size, () => rows);
  return { entry: { name, group: "ours", kernels, threads, work: countFlops(size), run, check }, dispose };
}

/** Tensors of the engine in and out: what is timed is the operator, not copies. */
export function loadAttention(
  engine: Engine,
  inputs: AttentionInputs,
  { B, H, K, L, S, E, causal }: AttentionSize,
  expect: () => readonly ExpectedRow[],
): { run(): void; check(): string | undefined; dispose(): void } {
  const query = engine.tensor([B, H, L, E]);
  const key = engine.tensor([B, K, S, E]);
  const value = engine.tensor([B, K, S, E]);
  const out = engine.tensor([B, H, L, E]);
  query.data.set(inputs.query);
  key.data.set(inputs.key);
  value.data.set(inputs.value);
  const run = () => void engine.scaledDotProductAttentionSync(query, key, value, { causal, out });
  const check = () => {
    out.data.fill(Number.NaN);
    run();
    return findMismatch(out.data, expect());
  };
  const dispose = () => [query, key, value, out].forEach((tensor) => void tensor.dispose());
  return { run, check, dispose };
}

function createBaseline(
  name: "tuned" | "naive",
  attention: typeof tuned.attention,
  inputs: AttentionInputs,
  size: AttentionSize,
  rows: readonly ExpectedRow[],
): Entry {
  const out = new Float32Array(size.B * size.H * size.L * size.E).fill(Number.NaN);
  const run = () => attention(inputs, size, out);
  const check = () => {
    run();
    return findMismatch(out, rows);
  };
  return { name, group: name, threads: 1, work: countFlops(size), run, check };
}

/** One head where all of them are too many. */
export function sliceOf(size: AttentionSize): AttentionSize {
  return countFlops(size) > affordableWork ? { ...size, B: 1, H: 1, K: 1 } : size;
}
