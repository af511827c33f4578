import type { SubwordTokenizer } from "./tokens.ts";

/** An optional peer: its vocabulary lies inside it, so nothing is fetched. r50k_base is GPT-2's vocabulary. */
const subwordModule: string = "gpt-tokenizer/encoding/r50k_base";

/** GPT-2's tokenizer, where its package is installed. */
export async function loadSubwords(): Promise<SubwordTokenizer | undefined> {
  try {
    return (await import(subwordModule)) as SubwordTokenizer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
