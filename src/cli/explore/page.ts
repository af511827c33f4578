/** All heads as a page to look at in a browser. */
import type { Engine } from "../../index.ts";
import { toHtml } from "../../inspect/index.ts";
import { CommandError } from "../command-error.ts";
import { replaceFiles } from "../files/replace-files.ts";
import type { Target } from "../files/targets.ts";
import { misuse } from "../grammar/option.ts";
import type { Progress } from "../terminal/progress.ts";
import { explanation } from "./explanation.ts";
import type { Findings } from "./explore.ts";
import type { Heads } from "./layer.ts";
import { type ExploreOptions, mostPageTokens } from "./options.ts";
import { title } from "./report.ts";

/** A page that was written. */
export interface WrittenPage {
  readonly file: string;
  readonly bytes: number;
}

/** @throws CommandError with exit code 2 for a name that says another format */
export function pageTargets({
  html,
}: Pick<ExploreOptions, "html">): Pick<Target, "file" | "name" | "result">[] {
  if (html === undefined) return [];
  if (!html.toLowerCase().endsWith(".html"))
    throw misuse(`--html expected a name that ends in .html, got ${JSON.stringify(html)}`);
  return [{ file: html, name: undefined, result: "page" }];
}

/** @throws CommandError for more tokens than a page has room for, before anything is computed. */
export function checkPageSize({ html }: ExploreOptions, tokens: number): void {
  if (html === undefined || tokens <= mostPageTokens) return;
  throw new CommandError(
    2,
    `--html expected at most ${mostPageTokens} tokens, got ${tokens}; --max-tokens ${mostPageTokens} cuts the text`,
  );
}

/** Computes the weights of all heads, and writes the page, where one is asked for. */
export async function pageOf(
  heads: Heads,
  about: Pick<Findings, "options" | "sizes" | "source" | "tokens">,
  engine: Engine,
  progress: Progress,
): Promise<WrittenPage | undefined> {
  const { html: file } = about.options;
  if (file === undefined) return undefined;
  progress.stage("writing the page");
  const { query, key, value, causal, leading } = heads;
  const { weights } = await engine.scaledDotProductAttention(query, key, value, {
    layout: "BLHE",
    causal,
    queryOffset: leading,
    returnWeights: true,
  });
  const { texts } = about.tokens;
  const tokens = leading === 0 ? { tokens: texts } : { queryTokens: texts, keyTokens: ["bias_k", ...texts] };
  const page = await toHtml(
    { weights: weights! },
    { ...tokens, title: title(about), description: explanation(about), queryOffset: leading },
  );
  const bytes = Buffer.from(page);
  await replaceFiles([{ file, bytes }]);
  return { file, bytes: bytes.length };
}
