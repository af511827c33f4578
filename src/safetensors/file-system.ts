import { builtin } from "../engine/platform.ts";
import { AttentionError } from "../errors.ts";

/** Node's file system. It is asked for when a file is opened, so that the module loads where there is none. */
export function fileSystem(): typeof import("node:fs/promises") {
  const fs = builtin<typeof import("node:fs/promises")>("node:fs/promises");
  if (fs === undefined) throw new AttentionError("ERR_UNSUPPORTED", "files need Node's file system");
  return fs;
}

/** Does something with a file; what the system refuses becomes an error that names the path, with the system's as `cause`. */
export async function naming<T>(doing: "read" | "write", path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (typeof (cause as NodeJS.ErrnoException | undefined)?.syscall !== "string") throw cause;
    const reason = (doing === "write" && noFolder(cause)) || fileReason(cause);
    throw new AttentionError("ERR_FILE", `cannot ${doing} ${JSON.stringify(path)}: ${reason}`, { cause });
  }
}

/** What the system says of a file, in words instead of an error number. */
export function fileReason(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return reasons[code ?? ""] ?? message;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a directory",
};

/** A file that is written need not be there; its folder must. */
function noFolder(cause: unknown): string | false {
  return reasons[(cause as NodeJS.ErrnoException).code ?? ""] === reasons.ENOENT && "no such folder";
}
