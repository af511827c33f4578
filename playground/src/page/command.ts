import { defaults, type Settings } from "../settings/settings.ts";
import { find } from "./elements.ts";

/** Shows the call of the command line that computes the same, where there is one. */
export function showCommand(settings: Settings): void {
  const command = commandFor(settings);
  const place = find<HTMLDetailsElement>("#command");
  place.hidden = command === undefined;
  find("code", place).textContent = command ?? "";
}

/** `explore` has one layer, and adds positions to the embeddings. */
function commandFor(settings: Settings): string | undefined {
  const { text, tokens, maxTokens, heads, embedDim, projections, positions, causal, seed, kernels } =
    settings;
  if (settings.layers !== 1 || settings.window !== 0 || positions === "rotary" || positions === "alibi")
    return undefined;
  return [
    `npx wasm-attention explore ${quoted(text)}`,
    ...(tokens === defaults.tokens ? [] : [`--tokens ${tokens}`]),
    `--max-tokens ${maxTokens} --heads ${heads} --head-size ${embedDim / heads} --positions ${positions}`,
    ...(projections === "none" ? ["--projections none"] : []),
    ...(causal ? ["--causal"] : []),
    ...(seed === 0 ? [] : [`--seed ${seed}`]),
    ...(kernels === "auto" ? [] : [`--kernels ${kernels}`]),
  ].join(" ");
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
