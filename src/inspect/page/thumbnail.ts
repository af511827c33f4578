// A head as a small picture: mean weights of blocks of cells.

const mostSide = 24;

/** Rows and columns of the picture of an `[L, S]` head. */
export function thumbnailSize(L: number, S: number): { rows: number; columns: number } {
  return { rows: Math.min(L, mostSide), columns: Math.min(S, mostSide) };
}

/** Writes a picture, a byte each: the square root of a block's mean weight, the largest of which is 255. NaN counts as 0. */
export function drawThumbnail(weights: Float32Array, L: number, S: number, into: Uint8Array): void {
  const { rows, columns } = thumbnailSize(L, S);
  const means = new Float64Array(rows * columns);
  const cells = new Uint32Array(rows * columns);
  for (let i = 0; i < L; i++) {
    const first = Math.floor((i * rows) / L) * columns;
    for (let j = 0; j < S; j++) {
      const block = first + Math.floor((j * columns) / S);
      const weight = weights[i * S + j]!;
      if (weight > 0) means[block]! += weight;
      cells[block]!++;
    }
  }
  let largest = 0;
  for (let n = 0; n < means.length; n++) largest = Math.max(largest, (means[n]! /= cells[n]!));
  for (let n = 0; n < means.length; n++)
    into[n] = largest === 0 ? 0 : Math.round(255 * Math.sqrt(means[n]! / largest));
}
