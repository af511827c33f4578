import { AttentionError } from "../../errors.ts";
import { Tensor } from "../../tensor.ts";
import { measureDistances } from "../distances.ts";
import { type HeadRecord, NO_KEY, type RecordSizes } from "./head-record.ts";
import type { HeadData } from "./page-data.ts";
import type { Turns } from "./turns.ts";

/** Where a head's weights came from, for errors: `layers[1]`, head 3. */
export interface Origin {
  readonly name: string;
  readonly head: number;
}

export type HeadFacts = Omit<HeadData, "levels">;

/**
 * Takes a head's figures from its weights `[L, S]`: those of rows and keys go into the record, the roots sqrt(w / largest of
 * the row) into `roots`.
 *
 * @throws AttentionError `ERR_OPTION` for what is no weight: below 0, or infinite
 */
export async function measureHead(
  weights: Float32Array,
  sizes: RecordSizes & { readonly queryOffset: number },
  record: HeadRecord,
  roots: Float32Array,
  origin: Origin,
  turns: Turns,
): Promise<HeadFacts> {
  const { L, S, queryOffset } = sizes;
  const keyMass = new Float64Array(S);
  const diagonalMass = new Float64Array(L + S - 1);
  let [entropy, rows, largest] = [0, 0, 0];
  for (let i = 0; i < L; i++) {
    const row = weights.subarray(i * S, (i + 1) * S);
    const facts = measureRow(row, keyMass, diagonalMass.subarray(L - 1 - i), { ...origin, row: i });
    record.entropy[i] = facts.entropy;
    largest = Math.max(largest, facts.largest);
    if (facts.largest > 0) {
      entropy += facts.entropy;
      rows++;
    } else if (Number.isNaN(facts.entropy)) entropy = Number.NaN;
    findTop(row, i, sizes.topK, record);
    writeRoots(row, facts.largest, roots.subarray(i * S, (i + 1) * S));
    await turns.due();
  }
  record.keyMass.set(keyMass);
  const asTensor = (masses: Float64Array): Tensor => new Tensor(Float32Array.from(masses), [masses.length]);
  const { distanceHistogram, meanDistance } = measureDistances(
    { keyMass: asTensor(keyMass), diagonalMass: asTensor(diagonalMass) },
    [queryOffset],
  );
  return {
    entropy: orNull(rows === 0 ? entropy : entropy / rows),
    meanDistance: orNull(meanDistance.data[0]!),
    largest,
    distanceHistogram: Array.from(distanceHistogram.data, orNull),
  };
}

/** A row's entropy and largest weight; adds its weights to the keys' and diagonals' masses. */
function measureRow(
  row: Float32Array,
  keyMass: Float64Array,
  diagonalMass: Float64Array,
  origin: Origin & { readonly row: number },
): { entropy: number; largest: number } {
  let [entropy, largest] = [0, 0];
  for (let j = 0; j < row.length; j++) {
    const weight = row[j]!;
    if (weight === 0) continue;
    if (weight < 0 || weight === Infinity) throw noWeight(weight, origin, j);
    if (weight > largest) largest = weight;
    entropy -= weight * Math.log(weight);
    keyMass[j]! += weight;
    diagonalMass[j]! += weight;
  }
  return { entropy, largest };
}

function noWeight(value: number, { name, head, row }: Origin & { row: number }, key: number): AttentionError {
  return new AttentionError(
    "ERR_OPTION",
    `"${name}" expected weights, finite and at least 0, got ${value} in head ${head}, row ${row}, key ${key}`,
  );
}

/** The row's largest weights, into the record: insertion into a short sorted list. */
function findTop(row: Float32Array, i: number, topK: number, { topWeights, topKeys }: HeadRecord): void {
  const tops = topWeights.subarray(i * topK, (i + 1) * topK);
  const keys = topKeys.subarray(i * topK, (i + 1) * topK).fill(NO_KEY);
  tops.fill(0);
  for (let j = 0; j < row.length; j++) {
    const weight = row[j]!;
    if (!(weight > tops[topK - 1]!)) continue;
    let place = topK - 1;
    for (; place > 0 && weight > tops[place - 1]!; place--) {
      tops[place] = tops[place - 1]!;
      keys[place] = keys[place - 1]!;
    }
    tops[place] = weight;
    keys[place] = j;
  }
}

function writeRoots(row: Float32Array, largest: number, roots: Float32Array): void {
  if (largest === 0) {
    for (let j = 0; j < row.length; j++) roots[j] = row[j] === 0 ? 0 : Number.NaN;
    return;
  }
  for (let j = 0; j < row.length; j++) roots[j] = Math.sqrt(row[j]! / largest);
}

/** JSON has no NaN. */
function orNull(x: number): number | null {
  return Number.isNaN(x) ? null : x;
}
