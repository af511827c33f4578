import { CommandError } from "../command-error.ts";
import { listNames } from "./list-names.ts";
import { readTensors } from "./safetensors-file.ts";

/** The parameters of one `nn.MultiheadAttention`, by PyTorch's names. */
export type StateDict = Readonly<
  Record<string, { readonly data: Float32Array; readonly shape: readonly number[] }>
>;

const parameterNames: readonly string[] = [
  "in_proj_weight",
  "in_proj_bias",
  "q_proj_weight",
  "k_proj_weight",
  "v_proj_weight",
  "bias_k",
  "bias_v",
  "q_norm.weight",
  "k_norm.weight",
  "out_proj.weight",
  "out_proj.bias",
];

/** A layer has one of these, and nothing else has it at the same place as an in_proj_weight. */
const marker = "out_proj.weight";

/**
 * Reads the weights of an attention layer in a safetensors file. Its names may stand behind a prefix, as in
 * `encoder.self_attn.in_proj_weight`; what else is in the file is left alone.
 *
 * @param prefix which layer; may be left out where there is one
 * @throws CommandError with exit code 1 for what is no such file, or has no such layer, or several
 */
export async function readLayerWeights(
  path: string,
  prefix: string | undefined,
): Promise<{ readonly stateDict: StateDict; readonly prefix: string }> {
  let found = "";
  const tensors = await readTensors(path, (names) => {
    found = choosePrefix(path, names, prefix);
    return parameterNames.map((name) => found + name).filter((name) => names.includes(name));
  });
  const stateDict: Record<string, StateDict[string]> = {};
  for (const { name, data, shape, dtype } of tensors) {
    if (!(data instanceof Float32Array))
      throw new CommandError(
        1,
        `${path} expected ${JSON.stringify(name)} to be of F32, F16 or BF16, got ${dtype}`,
      );
    stateDict[name.slice(found.length)] = { data, shape };
  }
  return { stateDict, prefix: found };
}

/** The prefix asked for, with or without its last dot, or the only one that there is. */
function choosePrefix(path: string, names: readonly string[], wanted: string | undefined): string {
  const prefixes = names
    .filter((name) => name === marker || name.endsWith(`.${marker}`))
    .map((name) => name.slice(0, name.length - marker.length));
  if (prefixes.length === 0)
    throw new CommandError(
      1,
      `${path} has no weights of nn.MultiheadAttention: expected "${marker}", got ${listNames(names)}`,
    );
  if (wanted === undefined) {
    if (prefixes.length === 1) return prefixes[0]!;
    throw new CommandError(
      1,
      `${path} has ${prefixes.length} layers: --prefix expected one of ${listNames(prefixes)}`,
    );
  }
  const meant = [wanted, `${wanted}.`].find((prefix) => prefixes.includes(prefix));
  if (meant !== undefined) return meant;
  throw new CommandError(
    1,
    `--prefix expected one of ${listNames(prefixes)} in ${path}, got ${JSON.stringify(wanted)}`,
  );
}

/** Runs what uses weights, and names their file in what it throws. */
export function refusing<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    throw new CommandError(1, `cannot use ${path}: ${(cause as Error).message}`, { cause });
  }
}
