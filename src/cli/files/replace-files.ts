/** Files written under another name beside it, then renamed, so that a file is never half there. */
import { realpath, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CommandError } from "../command-error.ts";

/** What a file shall hold. */
export interface Content {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** Writes all files or none. @throws CommandError with exit code 1 */
export async function replaceFiles(contents: readonly Content[]): Promise<void> {
  const pending: { temporary: string; file: string }[] = [];
  try {
    for (const { file: name, bytes } of contents) {
      // A link stays a link: what it leads to is replaced.
      const file = await realpath(name).catch(() => name);
      const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.part`);
      pending.push({ temporary, file });
      await writeFile(temporary, bytes).catch((cause) => {
        throw new CommandError(1, `cannot write ${name}: ${(cause as Error).message}`, { cause });
      });
    }
    for (const { temporary, file } of pending) await rename(temporary, file);
  } finally {
    for (const { temporary } of pending) await rm(temporary, { force: true });
  }
}
