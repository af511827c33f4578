import { AttentionError } from "../../errors.ts";
import { Tensor } from "../../tensor.ts";
import { measureDistances } from "../distances.ts";
import { type HeadRecord, NO_KEY, type RecordSizes } from "./head-record.ts";
import type { HeadData } from "./page-data.ts";

/** Where a head's weights came from, for errors: `layers[1].weights`, head 3. */
export interface Origin {
  readonly name: string;
  readonly head: number;
}

/** A head's figures, taken from its rows: those of rows and keys go into its record. */
export class HeadMeasure {
  hasNaN = false;
  readonly #sizes: RecordSizes & { readonly queryOffset: number };
  readonly #record: HeadRecord;
  readonly #origin: Origin;
  readonly #keyMass: Float64Array;
  readonly #diagonalMass: Float64Array;
  #entropy = 0;
  #rows = 0;
  #largest = 0;

  constructor(sizes: RecordSizes & { readonly queryOffset: number }, record: HeadRecord, origin: Origin) {
    this.#sizes = sizes;
    this.#record = record;
    this.#origin = origin;
    this.#keyMass = new Float64Array(sizes.S);
    this.#diagonalMass = new Float64Array(sizes.L + sizes.S - 1);
  }

  /**
   * Takes a row `[S]`, and writes the roots sqrt(weight / largest of the row).
   *
   * @throws AttentionError `ERR_OPTION` for what is no weight: below 0, or infinite
   */
  add(i: number, row: Float32Array, roots: Float32Array): void {
    const diagonal = this.#sizes.L - 1 - i;
    let [entropy, largest] = [0, 0];
    for (let j = 0; j < row.length; j++) {
      const weight = row[j]!;
      if (weight === 0) continue;
      if (weight < 0 || weight === Infinity) throw this.#noWeight(weight, i, j);
      if (weight > largest) largest = weight;
      entropy -= weight * Math.log(weight);
      this.#keyMass[j]! += weight;
      this.#diagonalMass[diagonal + j]! += weight;
    }
    this.#record.entropy[i] = entropy;
    this.#largest = Math.max(this.#largest, largest);
    this.hasNaN ||= Number.isNaN(entropy);
    // A row that looks at nothing has no entropy to speak of.
    if (largest > 0 || Number.isNaN(entropy)) {
      this.#entropy += entropy;
      this.#rows++;
    }
    findTop(row, i, this.#sizes.topK, this.#record);
    for (let j = 0; j < row.length; j++) roots[j] = row[j] === 0 ? 0 : Math.sqrt(row[j]! / largest);
  }

  /** The figures of the whole head; those of its keys go into the record now. */
  facts(): Omit<HeadData, "levels"> {
    this.#record.keyMass.set(this.#keyMass);
    const asTensor = (masses: Float64Array): Tensor => new Tensor(Float32Array.from(masses), [masses.length]);
    const { distanceHistogram, meanDistance } = measureDistances(
      { keyMass: asTensor(this.#keyMass), diagonalMass: asTensor(this.#diagonalMass) },
      [this.#sizes.queryOffset],
    );
    return {
      hasNaN: this.hasNaN,
      entropy: orNull(this.#entropy / Math.max(1, this.#rows)),
      meanDistance: orNull(meanDistance.data[0]!),
      largest: this.#largest,
      distanceHistogram: Array.from(distanceHistogram.data, orNull),
    };
  }

  #noWeight(value: number, row: number, key: number): AttentionError {
    const { name, head } = this.#origin;
    return new AttentionError(
      "ERR_OPTION",
      `"${name}" expected weights, finite and at least 0, got ${value} in head ${head}, row ${row}, key ${key}`,
    );
  }
}

/** The row's largest weights, into the record: insertion into a short sorted list. */
function findTop(row: Float32Array, i: number, topK: number, { topWeights, topKeys }: HeadRecord): void {
  const tops = topWeights.subarray(i * topK, (i + 1) * topK).fill(0);
  const keys = topKeys.subarray(i * topK, (i + 1) * topK).fill(NO_KEY);
  let least = 0;
  for (let j = 0; j < row.length; j++) {
    const weight = row[j]!;
    if (!(weight > least)) continue;
    let place = topK - 1;
    for (; place > 0 && weight > tops[place - 1]!; place--) {
      tops[place] = tops[place - 1]!;
      keys[place] = keys[place - 1]!;
    }
    tops[place] = weight;
    keys[place] = j;
    least = tops[topK - 1]!;
  }
}

/** JSON has no NaN. */
function orNull(x: number): number | null {
  return Number.isNaN(x) ? null : x;
}
