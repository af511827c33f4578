/** Single tensors of a safetensors file: a model's file may be far larger than what is wanted of it. */
import { openSafetensors, type SafetensorsTensor } from "../../safetensors/index.ts";
import { CommandError } from "../command-error.ts";
import { unreadable } from "./read.ts";

export interface NamedTensor extends SafetensorsTensor {
  readonly name: string;
  /** As the file spells it: `"F32"`, `"BF16"`. */
  readonly dtype: string;
}

/**
 * Reads those tensors of a file that `choose` picks from the names in it.
 *
 * @throws CommandError with exit code 1 for what cannot be read or is no such file.
 */
export async function readTensors(
  path: string,
  choose: (names: readonly string[]) => readonly string[],
): Promise<NamedTensor[]> {
  const file = await openSafetensors(path).catch((cause) => {
    throw unusable(path, cause);
  });
  try {
    const tensors: NamedTensor[] = [];
    for (const name of choose(file.names)) {
      const { dtype } = await file.entry(name);
      tensors.push({ name, dtype, ...(await file.read(name)) });
    }
    return tensors;
  } catch (cause) {
    throw cause instanceof CommandError ? cause : unusable(path, cause);
  } finally {
    await file.close();
  }
}

/** What the reader says of a file's content; what the system says of the file, in words. */
function unusable(path: string, cause: unknown): CommandError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ERR_FILE") return unreadable(path, (cause as Error).cause);
  return new CommandError(1, `cannot use ${path}: ${message}`, { cause });
}
