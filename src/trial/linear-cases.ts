// Linear attention, by each of its rules.

import { linearAttentionCall } from "../calls/linear-attention.ts";
import type { TensorLike } from "../tensor-like.ts";
import type { LinearAttentionTerms } from "../validate/linear-attention.ts";
import { numbers, planted } from "./inputs.ts";
import { one, type TrialCase } from "./trial-case.ts";

/** Query heads of the one head with a state, tokens, keys; and columns: two panels and a few more. */
const [L, E, V] = [19, 20, 37];

export function linearCases(): readonly TrialCase[] {
  const negative = numbers([1, 1, L, E], 19);
  const decay = { ...negative, data: negative.data.map((x) => -Math.abs(x)) };
  const signed = numbers([1, 1, L], 20);
  const beta = { ...signed, data: signed.data.map(Math.abs) };
  return [
    linearAttention("linear", 1, {}),
    linearAttention("gated", 1, { decay }),
    linearAttention("grouped, gated", 2, { decay }),
    linearAttention("delta", 2, { beta }),
    linearAttention("gated delta", 2, { beta, decay }),
  ];
}

function linearAttention(rule: string, heads: number, terms: LinearAttentionTerms<TensorLike>): TrialCase {
  const query = numbers([1, heads, L, E], 16);
  const [key, value] = [numbers([1, 1, L, E], 17), planted([1, 1, L, V], 18)];
  return one(`linear attention, ${rule}`, ({ sizes }) =>
    linearAttentionCall(query, key, value, terms, sizes),
  );
}
