/** What a run found out, as text for a terminal. */
import { availableParallelism } from "node:os";
import { shorten, visible } from "../../inspect/text/label.ts";
import type { WrittenPicture } from "../files/pictures.ts";
import { bold } from "../terminal/colours.ts";
import { bytes, count, figure, plural, scaled, time } from "../terminal/format.ts";
import { drawHeatMap, legend } from "../terminal/heatmap.ts";
import { type Page, type Row, table, wrap } from "../terminal/table.ts";
import { explanation } from "./explanation.ts";
import type { Findings } from "./explore.ts";

/** @param written pictures in files */
export function report(findings: Findings, written: readonly WrittenPicture[], page: Page): string[] {
  return [
    bold(shorten(title(findings), page.width), page.depth),
    ...wrap(explanation(findings) + hint(findings), page.width),
    "",
    ...table(facts(findings), page),
    "",
    ...picture(findings, page),
    ...written.map(
      ({ file, format, bytes: size }) =>
        `Written to ${file}: ${describeMaps(findings)}, ${format}, ${bytes(size)}.`,
    ),
    ...describePage(findings, page),
  ];
}

export function title({ source, sizes, options }: Pick<Findings, "source" | "sizes" | "options">): string {
  const { heads, headSize } = sizes;
  return `${options.causal ? "Causal self-attention" : "Self-attention"} over ${source}: ${plural(heads, "head")} of ${headSize}`;
}

function hint({ options }: Findings): string {
  const isRandom = options.weights === undefined && options.projections !== "none";
  return isRandom ? " --weights FILE.safetensors loads trained ones." : "";
}

/** The rows of the table: a name, a figure, and what it means. */
export function facts(findings: Findings): Row[] {
  const { tokens, engine, milliseconds, flops, sizes, baselines, check, options } = findings;
  const gflops = flops / milliseconds.attention / 1e6;
  const rows: Row[] = [
    ["kernels", engine.kernels, engine.kernelsReason],
    ["threads", String(engine.threads), `of ${availableParallelism()} processors`],
    [
      "tokens",
      count(tokens.texts.length),
      `${unit(findings)}, ${count(tokens.distinct)} different${cut(findings)}`,
    ],
  ];
  if (milliseconds.layer !== undefined)
    rows.push(["layer", time(milliseconds.layer), "projections, attention, output projection"]);
  const counted = options.causal
    ? `${scaled(flops)} operations: half of 4 H L S E, as causal`
    : `${scaled(flops)} operations: 4 H L S E`;
  rows.push(
    [
      "attention",
      time(milliseconds.attention),
      `the operator alone: ${plural(sizes.heads, "head")}, all tokens`,
    ],
    ["speed", `${figure(gflops)} GFLOP/s`, counted],
  );
  const { naive, tuned } = baselines;
  const slice = `in one head of ${plural(baselines.tokens, "token")}, scaled`;
  rows.push(
    ["against naive JS", times(gflops / naive.gflops), `${figure(naive.gflops)} GFLOP/s ${slice}`],
    ["against tuned JS", times(gflops / tuned.gflops), `${figure(tuned.gflops)} GFLOP/s in the same`],
    ["largest error", check.largest.toExponential(1), checked(findings)],
  );
  return rows;
}

/** What the tokens are, and that this is not what was asked for. */
function unit({ tokens, options }: Findings): string {
  const one = tokens.texts.length === 1 ? tokens.unit.slice(0, -1) : tokens.unit;
  return tokens.note === undefined ? one : `${one} (for ${options.tokens}: no gpt-tokenizer)`;
}

function cut({ tokens }: Findings): string {
  return tokens.total > tokens.texts.length ? `; the first of ${count(tokens.total)}` : "";
}

function checked({ check }: Findings): string {
  const rows = `in ${plural(check.rows, "row")} against float64`;
  return check.layer === undefined ? rows : `${rows}; of attention ${check.attention.toExponential(1)}`;
}

function picture({ picture, tokens, options }: Findings, page: Page): string[] {
  const labels = picture.tokens.map(visible);
  const notes = picture.strongest.map(({ token, weight }) => `${share(weight)} ${visible(token)}`);
  const size = picture.tokens.length;
  const all = tokens.texts.length;
  const which = size < all ? `the first ${size} of ${plural(all, "token")}` : `all ${plural(size, "token")}`;
  const narrow = size < Math.min(options.show, all) ? ` (no room for ${options.show})` : "";
  return [
    bold(`Head ${picture.head}, ${which}${narrow}: each row says where its token looks.`, page.depth),
    "",
    ...drawHeatMap({ labels, weights: picture.weights, notes }, page),
    "",
    legend(page.depth),
    "Right: the row's largest weight among all tokens, and the token that has it.",
  ];
}

function describePage({ page: made }: Findings, page: Page): string[] {
  if (made === undefined) return [];
  return wrap(
    `Written to ${made.file}: all heads, html, ${bytes(made.bytes)}: open it in a browser.`,
    page.width,
  );
}

function describeMaps({ maps }: Findings): string {
  const { heads, tokens } = maps!;
  return `${heads.length === 1 ? `head ${heads[0]}` : plural(heads.length, "head")} over ${plural(tokens.length, "token")}`;
}

function share(weight: number): string {
  const percent = 100 * weight;
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)}%`.padStart(5);
}

function times(x: number): string {
  if (x < 0.95) return `${x.toFixed(2)}x as fast`;
  return `${x >= 9.95 ? x.toFixed(0) : x.toFixed(1)}x faster`;
}
