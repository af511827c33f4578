import { builtin } from "../engine/platform.ts";
import { AttentionError } from "../errors.ts";

/** Node's file system. It is asked for when a file is opened, so that the module loads where there is none. */
export function fileSystem(): typeof import("node:fs/promises") {
  const fs = builtin<typeof import("node:fs/promises")>("node:fs/promises");
  if (fs === undefined) throw new AttentionError("ERR_UNSUPPORTED", "files need Node's file system");
  return fs;
}
