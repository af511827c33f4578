// A head as a small picture: mean weights of blocks of cells.

const mostSide = 24;

/** Rows and columns of the picture of an `[L, S]` head. */
export function thumbnailSize(L: number, S: number): { rows: number; columns: number } {
  return { rows: Math.min(L, mostSide), columns: Math.min(S, mostSide) };
}

/** The picture of one head, made of its rows. */
export class Thumbnail {
  readonly #L: number;
  readonly #S: number;
  readonly #sums: Float64Array;
  readonly #columns: number;
  readonly #rows: number;

  constructor(L: number, S: number) {
    const { rows, columns } = thumbnailSize(L, S);
    [this.#L, this.#S, this.#rows, this.#columns] = [L, S, rows, columns];
    this.#sums = new Float64Array(rows * columns);
  }

  /** NaN counts as 0. */
  add(i: number, row: Float32Array): void {
    const first = Math.floor((i * this.#rows) / this.#L) * this.#columns;
    for (let column = 0; column < this.#columns; column++) {
      const [from, to] = [
        firstOf(column, this.#S, this.#columns),
        firstOf(column + 1, this.#S, this.#columns),
      ];
      let sum = 0;
      for (let j = from; j < to; j++) if (row[j]! > 0) sum += row[j]!;
      this.#sums[first + column]! += sum;
    }
  }

  /** A byte for each block: the square root of its mean weight, the largest of which is 255. */
  bytes(): Uint8Array<ArrayBuffer> {
    const means = this.#sums.map((sum, n) => {
      const [row, column] = [Math.floor(n / this.#columns), n % this.#columns];
      const size = (side: number, count: number, of: number): number =>
        firstOf(side + 1, count, of) - firstOf(side, count, of);
      return sum / size(row, this.#L, this.#rows) / size(column, this.#S, this.#columns);
    });
    const largest = means.reduce((most, mean) => Math.max(most, mean), 0);
    return Uint8Array.from(means, (mean) =>
      largest === 0 ? 0 : Math.round(255 * Math.sqrt(mean / largest)),
    );
  }
}

/** The first of the `count` cells that lie in this of `parts` parts. */
function firstOf(part: number, count: number, parts: number): number {
  return Math.ceil((part * count) / parts);
}
