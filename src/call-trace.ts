/**
 * A call, as Node's tracing channel `wasm-attention:call` shows it: subscribers get the same object at each of its
 * events `start`, `end`, `asyncStart`, `asyncEnd` and `error`. A call whose arguments are refused has none.
 *
 * @example
 * ```ts
 * import { tracingChannel } from "node:diagnostics_channel";
 * import { type CallTrace, softmax, tensor } from "wasm-attention";
 * const finished = (call: unknown) => console.log((call as CallTrace).name, (call as CallTrace).mode);
 * tracingChannel("wasm-attention:call").asyncEnd.subscribe(finished);
 * await softmax(tensor([1, 2, 3], [3])); // softmax async
 * ```
 */
export interface CallTrace {
  /** The operator: `"scaledDotProductAttention"`, `"matmul"`, `"MultiHeadAttention"`, ... */
  readonly name: string;
  readonly mode: "sync" | "async";
  /** About how many floating-point operations it takes. */
  readonly flops: number;
  /** How long it waited for its turn, in milliseconds; there once it computes. */
  waited?: number;
  /** What it returned, or why it failed; there at the end. */
  result?: unknown;
  error?: unknown;
}
