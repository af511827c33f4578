import { stat } from "node:fs/promises";
import { CommandError } from "../command-error.ts";
import { readBytes } from "../files/read.ts";

/** A text, and where it came from. */
export interface Source {
  /** How the report calls it: a file's name as it was given, `standard input`, `the text given`. */
  readonly name: string;
  readonly text: string;
}

/** What is larger is hardly the text that someone meant to look at. */
const maxFileBytes = 64 * 2 ** 20;

/** Words come back, so that there is something to look for. */
const sample = "The dog chased the cat, the cat chased the mouse, and the mouse ran from the dog.";

/** Extensions by which an argument without spaces is meant as a file, though there is none. */
const textExtension =
  /\.(txt|text|md|markdown|rst|adoc|html?|xml|json|jsonl|csv|tsv|ya?ml|toml|log|tex|[cm]?[jt]sx?|py|rs|go|c|h|cpp|java|rb|sh|sql|css)$/i;

/**
 * The text of a FILE, of standard input (`-`), or the argument itself; a sample without one.
 *
 * @throws CommandError with exit code 1 for a file that is not there, is no text, or has no text in it.
 */
export async function readSource(argument: string | undefined): Promise<Source> {
  const source = await find(argument);
  if (source.text.trim() === "")
    throw new CommandError(1, `${source.name} is empty: there is nothing to attend to`);
  return source;
}

async function find(argument: string | undefined): Promise<Source> {
  if (argument === undefined) return { name: "a sample sentence", text: sample };
  if (argument === "-") {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return { name: "standard input", text: decode(Buffer.concat(chunks), "standard input") };
  }
  if (await exists(argument)) return { name: argument, text: await readText(argument) };
  if (!/\s/.test(argument) && (/[/\\]/.test(argument) || textExtension.test(argument)))
    throw new CommandError(1, `no such file: ${argument}`);
  return { name: "the text given", text: argument };
}

async function exists(path: string): Promise<boolean> {
  try {
    const file = await stat(path);
    if (file.isDirectory()) throw new CommandError(1, `${path} is a directory, not a file`);
    if (file.size > maxFileBytes)
      throw new CommandError(1, `${path} is larger than ${maxFileBytes / 2 ** 20} MiB`);
    return true;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    // Whatever else cannot be looked up, too long a name say, is no file but may well be a text.
    return false;
  }
}

async function readText(path: string): Promise<string> {
  return decode(await readBytes(path), path);
}

function decode(bytes: Uint8Array, name: string): string {
  if (bytes.includes(0)) throw new CommandError(1, `${name} is no text: it has zero bytes in it`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CommandError(1, `${name} is no UTF-8 text`, { cause });
  }
}
