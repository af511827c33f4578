/** What went wrong, in a form that code can switch on. */
export type AttentionErrorCode =
  | "ERR_SHAPE"
  | "ERR_DTYPE"
  | "ERR_OPTION"
  | "ERR_MEMORY"
  | "ERR_DISPOSED"
  | "ERR_WORKER"
  | "ERR_QUEUE_FULL"
  | "ERR_FILE"
  | "ERR_UNSUPPORTED";

/**
 * The one error class of this package. The message names the argument, what was expected (in shape
 * letters and numbers) and what came; `code` says the kind.
 *
 * @example
 * ```ts
 * import { AttentionError, softmaxSync } from "wasm-attention";
 * try {
 *   softmaxSync({ data: new Float32Array(6), shape: [2, 4] });
 * } catch (error) {
 *   if (error instanceof AttentionError) console.log(error.code); // ERR_SHAPE
 * }
 * ```
 */
export class AttentionError extends Error {
  override readonly name: string = "AttentionError";
  readonly code: AttentionErrorCode;

  constructor(code: AttentionErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
