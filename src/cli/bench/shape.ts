import { misuse } from "../grammar/option.ts";
import type { AttentionSize } from "../measure/baselines.ts";
import { attentionFlops } from "../measure/measure.ts";

/** BERT-base over 512 tokens, a sentence in one head, and a token that Llama 3 8B writes after 4096 others. */
export const usualShapes: readonly string[] = ["12x512x64", "1x32x64", "32/8x1/4096x128"];

/** The largest tensors of a shape: 1 GiB together. */
const mostNumbers = 2 ** 28;

/** @throws CommandError with exit code 2 for what is no shape, or too large a one. */
export function sizeOfShape(shape: string, causal: boolean): AttentionSize {
  const [, ...parts] = /^(\d+)(?:\/(\d+))?x(\d+)(?:\/(\d+))?x(\d+)$/i.exec(shape) ?? [];
  const [H = 0, K = H, L = 0, S = L, E = 0] = parts.map((part) =>
    part === undefined ? undefined : Number(part),
  );
  if (Math.min(H, K, L, S, E) < 1)
    throw misuse(
      `bench expected shapes HEADSxTOKENSxSIZE, as in 12x512x64 or 32/8x1/4096x128, got ${JSON.stringify(shape)}`,
    );
  if (H % K !== 0)
    throw misuse(`${shape} expected key/value heads that divide ${H}, the query heads, got ${K}`);
  if (causal && L !== S) throw misuse(`${shape} with --causal expected as many queries as keys`);
  if (2 * (H * L + K * S) * E > mostNumbers)
    throw misuse(
      `${shape} expected tensors of at most ${mostNumbers} numbers, got ${2 * (H * L + K * S) * E}`,
    );
  return { B: 1, H, K, L, S, E, causal };
}

/** Operations that plain JavaScript goes through in a tenth of a second. */
const affordable = 7e7;

/** As much as plain JavaScript can be given: all of it, the heads that share a key/value head, one head, or some of its rows. */
export function sliceOf(size: AttentionSize): AttentionSize {
  const { H, K, L, S, E, causal } = size;
  const one = { ...size, H: 1, K: 1 };
  const fitting = [size, { ...one, H: H / K }, one].find((part) => attentionFlops(part) <= affordable);
  if (fitting !== undefined) return fitting;
  if (causal) {
    const tokens = Math.floor(Math.sqrt(affordable / (2 * E)));
    return { ...one, L: tokens, S: tokens };
  }
  const rows = Math.max(1, Math.min(L, Math.floor(affordable / (4 * S * E))));
  return { ...one, L: rows, S: Math.min(S, Math.floor(affordable / (4 * rows * E))) };
}
