/** What a call throws that is to throw. */
import { expect } from "vitest";
import type { AttentionError } from "wasm-attention";

export function errorOf(call: () => unknown): AttentionError {
  try {
    call();
  } catch (error) {
    return error as AttentionError;
  }
  return expect.fail("no error");
}
