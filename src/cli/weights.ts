import { readSafetensors } from "../safetensors.ts";
import { CommandError } from "./command-error.ts";
import { readBytes } from "./input.ts";

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
  "out_proj.weight",
  "out_proj.bias",
];

/**
 * Reads the weights of the one attention layer in a safetensors file. Its names may stand behind a
 * prefix, as in `encoder.self_attn.in_proj_weight`; what else is in the file is left alone.
 *
 * @throws CommandError with exit code 1 for what is no such file, has no such layer, or several.
 */
export async function readLayerWeights(path: string): Promise<{ stateDict: StateDict; embedDim: number }> {
  const bytes = await readBytes(path);
  const { tensors } = refusing(path, () => readSafetensors(bytes));
  const names = Object.keys(tensors);
  const marker = "out_proj.weight";
  const prefixes = names
    .filter((name) => name === marker || name.endsWith(`.${marker}`))
    .map((name) => name.slice(0, name.length - marker.length));
  if (prefixes.length === 0)
    throw new CommandError(
      1,
      `${path} has no weights of nn.MultiheadAttention: expected "${marker}", got ${list(names)}`,
    );
  if (prefixes.length > 1)
    throw new CommandError(1, `${path} has ${prefixes.length} layers (${list(prefixes)}): expected one`);

  const prefix = prefixes[0]!;
  const stateDict: Record<string, StateDict[string]> = {};
  for (const name of parameterNames) {
    const tensor = tensors[prefix + name];
    if (tensor === undefined) continue;
    const { data, shape } = tensor;
    if (!(data instanceof Float32Array))
      throw new CommandError(
        1,
        `${path} expected "${name}" to be of F32, F16 or BF16, got ${data.constructor.name}`,
      );
    stateDict[name] = { data, shape };
  }
  const embedDim = stateDict[marker]!.shape[0] ?? 0;
  for (const name of ["k_proj_weight", "v_proj_weight"]) {
    const size = stateDict[name]?.shape[1];
    if (size !== undefined && size !== embedDim)
      throw new CommandError(
        1,
        `${path} is a layer for cross-attention: "${name}" expected ${embedDim} columns, got ${size}`,
      );
  }
  return { stateDict, embedDim };
}

/** Runs what reads weights, and names their file in what it throws. */
export function refusing<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new CommandError(1, `cannot use ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** At most five names, for an error of one line. */
function list(names: readonly string[]): string {
  if (names.length === 0) return "no tensors at all";
  const quoted = names.slice(0, 5).map((name) => JSON.stringify(name));
  return names.length > 5 ? `${quoted.join(", ")} and ${names.length - 5} more` : quoted.join(", ");
}
