import type { Tokens } from "../../../src/cli/explore/tokens.ts";
import type { Settings } from "../settings/settings.ts";
import type { Pass } from "./pass.ts";

/** All numbers of a result as JSON: settings, tokens, each layer's weights `[H, L, L]` and the output, to the last bit. */
export function numbersOf(settings: Settings, { texts, unit }: Tokens, { weights, output }: Pass): string {
  const plain = ({ data, shape }: Pass["output"]): object => ({ shape, data: Array.from(data) });
  return JSON.stringify({
    settings,
    tokens: { unit, texts },
    weights: weights.map(plain),
    output: plain(output),
  });
}
