import { KVCache } from "wasm-attention";
import {
  countFlops,
  createAttentionInputs,
  createBaselines,
  expectRows,
  formatSize,
  sliceOf,
} from "./attention-case.ts";
import { type CacheType, cacheTypes, roundAsStored, roundQueries } from "./cache-types.ts";
import type { Case, Entry } from "./case.ts";
import { type ExpectedRow, findMismatch } from "./check.ts";
import { takeTokens } from "./layouts.ts";
import type { Contender } from "./ours.ts";
import type { AttentionInputs, AttentionSize } from "./problem.ts";

/**
 * One step of a decoder: keys and values of L tokens, mostly one, are appended to a cache of S - L, and their queries attend to
 * all S. The JavaScript baselines only attend: their cache would be an array that the tokens are written into.
 */
export function createDecodeCase(name: string, size: AttentionSize, contenders: readonly Contender[]): Case {
  const inputs = createAttentionInputs(size);
  const rows = expectRows(inputs, size);
  const slice = sliceOf(size);
  const ours = cacheTypes.flatMap((type) => {
    const stored = {
      ...inputs,
      query: isRounded(size) ? roundQueries(inputs.query, type, size.E) : inputs.query,
      key: roundAsStored(inputs.key, type, size.E),
      value: roundAsStored(inputs.value, type, size.E),
    };
    const expected = type === "float32" ? rows : expectRows(stored, size);
    return contenders.map((contender) => createOurs(contender, type, inputs, size, expected));
  });
  return {
    name,
    kind: "decode",
    size: formatSize(size),
    unit: "FLOP",
    work: countFlops(size),
    problem: { kind: "decode", size, inputs },
    slice: { problem: { kind: "decode", size: slice, inputs }, work: countFlops(slice) },
    rows,
    entries: [...ours.map(({ entry }) => entry), ...createBaselines(inputs, size, rows)],
    dispose: () => ours.forEach(({ dispose }) => void dispose()),
  };
}

/** Only a few rows of a key/value head are rounded to int16 beside int8; for more the cache is widened. */
function isRounded({ H, K, L }: AttentionSize): boolean {
  return (H / K) * L <= 4;
}

function createOurs(
  { engine, name, kernels, threads }: Contender,
  type: CacheType,
  inputs: AttentionInputs,
  size: AttentionSize,
  rows: readonly ExpectedRow[],
): { entry: Entry; dispose(): void } {
  const { B, H, K, L, S, E } = size;
  const cache = new KVCache({ batch: B, kvHeads: K, headDim: E, maxLength: S, dtype: type, engine });
  cache.append(
    { data: takeTokens(inputs.key, size, 0, S - L), shape: [B, K, S - L, E] },
    { data: takeTokens(inputs.value, size, 0, S - L), shape: [B, K, S - L, E] },
  );
  const query = engine.tensor([B, H, L, E]);
  const key = engine.tensor([B, K, L, E]);
  const value = engine.tensor([B, K, L, E]);
  const out = engine.tensor([B, H, L, E]);
  query.data.set(inputs.query);
  key.data.set(takeTokens(inputs.key, size, S - L, S));
  value.data.set(takeTokens(inputs.value, size, S - L, S));
  const run = () => {
    cache.truncate(S - L);
    cache.append(key, value);
    engine.scaledDotProductAttentionSync(query, cache, { out });
  };
  const check = () => {
    out.data.fill(Number.NaN);
    cache.append(key, value);
    run();
    return findMismatch(out.data, rows);
  };
  const dispose = () => [cache, query, key, value, out].forEach((one) => void one.dispose());
  const entryName = `${name}, ${type} cache`;
  return {
    entry: {
      name: entryName,
      group: "ours",
      kernels,
      threads,
      cache: type,
      work: countFlops(size),
      run,
      check,
    },
    dispose,
  };
}
