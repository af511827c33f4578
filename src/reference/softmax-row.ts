/** One row's softmax. */
export interface RowSoftmax {
  readonly weights: Float64Array;
  /** Natural logarithm of the sum of the exponentials, -Infinity for an empty row. */
  readonly logSumExp: number;
  /** Its two parts, the maximum and ln(sum): a large maximum would swallow the logarithm. */
  readonly maximum: number;
  readonly logarithm: number;
}

/**
 * Softmax over one row. A score of -infinity is an excluded one: its weight is 0, and a row of nothing
 * else is empty: all weights 0, never NaN. The maximum is subtracted first, so that large scores do not
 * overflow. A sink ("Efficient Streaming Language Models with Attention Sinks", Xiao et al., 2023, in
 * the learned form of gpt-oss) is one more score, without a weight of its own.
 */
export function softmaxRow(scores: Float64Array, sink: number = -Infinity): RowSoftmax {
  const weights = new Float64Array(scores.length);
  let maximum = sink;
  for (const score of scores) maximum = Math.max(maximum, score);
  if (maximum === -Infinity) return { weights, logSumExp: -Infinity, maximum, logarithm: 0 };

  let sum = Math.exp(sink - maximum);
  for (let j = 0; j < scores.length; j++) {
    // Spelled out, so that excluded keys weigh 0 even where the maximum is NaN.
    if (scores[j] === -Infinity) continue;
    weights[j] = Math.exp(scores[j]! - maximum);
    sum += weights[j]!;
  }
  for (let j = 0; j < scores.length; j++) if (scores[j] !== -Infinity) weights[j]! /= sum;
  const logarithm = Math.log(sum);
  return { weights, logSumExp: maximum + logarithm, maximum, logarithm };
}
