import { readFile } from "node:fs/promises";
import { fileReason } from "../../safetensors/file-system.ts";
import { CommandError } from "../command-error.ts";

/** The bytes of a file. @throws CommandError with exit code 1, in words instead of an error number. */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** What went wrong with a file, in words instead of an error number. */
export function unreadable(path: string, cause: unknown): CommandError {
  const reason = fileReason(cause);
  const message = reason === "no such file" ? `${reason}: ${path}` : `cannot read ${path}: ${reason}`;
  return new CommandError(1, message, { cause });
}
