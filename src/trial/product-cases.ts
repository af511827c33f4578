// Matrix products of whole numbers, whose sums are exact in every order and with any rounding.

import { matmulCall } from "../calls/matmul.ts";
import { PanelProgram } from "../engine/program.ts";
import { addPacking, addProduct, packedSize } from "../plan/matmul.ts";
import { numbers, wholeNumbers } from "./inputs.ts";
import { one, type TrialCase } from "./trial-case.ts";

/** Register tiles of every height. */
const ROWS: readonly number[] = [1, 2, 3, 4, 5, 6];
/** Deeper than a block. */
const DEPTH = 400;
/** Two panels and a few more. */
const COLUMNS = 37;

export function productCases(): readonly TrialCase[] {
  const b = wholeNumbers([COLUMNS, DEPTH], 1);
  b.data[7] = 0;
  const bias = numbers([COLUMNS], 2);
  return [...ROWS.map((rows) => product(rows, b, bias)), packedProduct()];
}

function product(
  rows: number,
  b: ReturnType<typeof wholeNumbers>,
  bias: ReturnType<typeof numbers>,
): TrialCase {
  const a = wholeNumbers([rows, DEPTH], rows);
  // The last row is infinite, and NaN in column 0.
  a.data[(rows - 1) * DEPTH + 7] = Number.POSITIVE_INFINITY;
  return one(`a product of ${rows} rows`, ({ sizes }) =>
    matmulCall(a, b, { transposeB: true, scale: 0.5, bias }, sizes),
  );
}

/** Columns that lie side by side, packed by a stage of its own. */
function packedProduct(): TrialCase {
  const [rows, columns, depth] = [7, 53, 70];
  const a = wholeNumbers([rows, depth], 4);
  const b = wholeNumbers([depth, columns], 5);
  return one("a product with packed columns", ({ sizes }) => {
    const program = new PanelProgram("trial", sizes);
    const packed = program.temporary(packedSize(columns, depth, sizes) * 4);
    addPacking(program, {
      source: program.input(b.data),
      target: packed,
      columns,
      depth,
      depthStride: columns,
      columnStride: 1,
    });
    addProduct(program, {
      rows,
      columns,
      depth,
      batch: 1,
      a: program.input(a.data),
      b: packed,
      result: program.output(new Float32Array(rows * columns)),
      scale: 1,
      aRowStride: depth,
      aDepthStride: 1,
      bDepthStride: 0,
      bColumnStride: 0,
      packed: true,
    });
    return { program, result: undefined };
  });
}
