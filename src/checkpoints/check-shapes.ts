// Sizes of a layer's tensors, compared with each other and with the configuration, under the checkpoint's own names.

import { AttentionError } from "../errors.ts";
import { shapeError, type Tensor } from "../tensor.ts";
import { checkWidth, headNameOf } from "./config.ts";
import type { Family, Place } from "./families.ts";

/** What has been read of a layer: weights as `[outputs, inputs]`, however they lie in the checkpoint. */
export interface LayerTensors {
  /** Query, key and value, or one for all three. */
  readonly inputs: readonly Tensor[];
  readonly inputBiases: readonly (Tensor | undefined)[];
  readonly output: Tensor;
  readonly outputBias: Tensor | undefined;
}

/** @throws AttentionError `ERR_SHAPE` naming the tensor that does not fit, `ERR_OPTION` for a number of heads that does not */
export function checkShapes(family: Family, place: Place, tensors: LayerTensors, numHeads: number): void {
  const { module, kind, config } = place;
  const nameOf = (part: string): string => `${module}.${part}.weight`;
  const [query, key = query, value = key] = tensors.inputs as [Tensor];
  const width = query.shape[1]!;
  const expect = (part: string, { shape }: Tensor, rows: number, columns: number): void => {
    if (shape[0] === rows && shape[1] === columns) return;
    const inFile = (sizes: readonly number[]): number[] =>
      family.transposed ? sizes.toReversed() : [...sizes];
    throw shapeError(nameOf(part), `shape [${inFile([rows, columns]).join(", ")}]`, inFile(shape));
  };
  const first = nameOf(family.inputs[0]!);
  checkWidth(config, first, width);
  const isStacked = family.inputs.length === 1;
  if (isStacked) expect(family.inputs[0]!, query, 3 * width, width);
  const rows = isStacked ? width : query.shape[0]!;
  if (rows % numHeads !== 0)
    throw new AttentionError(
      "ERR_OPTION",
      `"config.${headNameOf(config)}" expected a divisor of the ${rows} numbers that "${first}" makes of a token, got ${numHeads}`,
    );
  if (!isStacked) {
    const headDim = rows / numHeads;
    const keyHeads = key.shape[0]! / headDim;
    if (!Number.isInteger(keyHeads) || keyHeads === 0 || numHeads % keyHeads !== 0)
      throw shapeError(
        nameOf(family.inputs[1]!),
        `${headDim} rows for each of K heads, K a divisor of ${numHeads}`,
        key.shape,
      );
    const depth = kind === "self" ? width : key.shape[1]!;
    expect(family.inputs[1]!, key, key.shape[0]!, depth);
    expect(family.inputs[2]!, value, key.shape[0]!, depth);
  }
  expect(family.output, tensors.output, width, rows);
  checkBiases(family, module, tensors);
}

/** Each as long as its weight has rows. */
function checkBiases(family: Family, module: string, tensors: LayerTensors): void {
  const all = [...tensors.inputs, tensors.output];
  const biases = [...tensors.inputBiases, tensors.outputBias];
  for (const [n, part] of [...family.inputs, family.output].entries()) {
    const [bias, rows] = [biases[n], all[n]!.shape[0]!];
    if (bias !== undefined && bias.shape.join() !== String(rows))
      throw shapeError(`${module}.${part}.bias`, `shape [${rows}]`, bias.shape);
  }
}
