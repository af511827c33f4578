import { readFile } from "node:fs/promises";
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
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return new CommandError(1, `no such file: ${path}`, { cause });
  const reasons: Record<string, string> = { EACCES: "permission denied", EISDIR: "it is a directory" };
  return new CommandError(1, `cannot read ${path}: ${reasons[code ?? ""] ?? message}`, { cause });
}
