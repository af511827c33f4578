/** The main job: a text in, what was found out about its attention out. Printing is the report's business. */
import type { Engine, EngineInfo } from "../../index.ts";
import type { TensorLike } from "../../tensor-like.ts";
import { attentionFlops, measure } from "../measure/measure.ts";
import { openEngine } from "../open-engine.ts";
import type { Progress } from "../terminal/progress.ts";
import { type Comparison, timeBaselines } from "./baselines.ts";
import { embed } from "./embed.ts";
import { type Heads, type Layer, makeLayer, sliceHead, splitHeads } from "./layer.ts";
import type { ExploreOptions } from "./options.ts";
import { checkPageSize, pageOf, type WrittenPage } from "./page.ts";
import { type Picture, takeMaps, takePicture } from "./picture.ts";
import { readSource } from "./source.ts";
import { loadSubwords } from "./subwords.ts";
import { type Tokens, tokenize } from "./tokens.ts";
import { type Check, verify } from "./verify.ts";

/** Everything that a run found out. */
export interface Findings {
  readonly options: ExploreOptions;
  /** Where the text came from. */
  readonly source: string;
  readonly tokens: Tokens;
  readonly sizes: Pick<Layer, "heads" | "headSize" | "embedDim">;
  readonly engine: EngineInfo;
  /** Milliseconds of the attention operator alone, and of the layer: projections, attention, projection. */
  readonly milliseconds: { readonly attention: number; readonly layer: number | undefined };
  /** Operations of the attention operator. */
  readonly flops: number;
  readonly baselines: Comparison;
  readonly check: Check;
  readonly picture: Picture;
  /** What goes into files, if that is asked for: weights of the head asked for or of all, `[heads, tokens, tokens]`. */
  readonly maps: Maps | undefined;
  /** The page, where one was asked for. */
  readonly page: WrittenPage | undefined;
}

export interface Maps {
  readonly heads: readonly number[];
  readonly tokens: readonly string[];
  readonly weights: TensorLike & { readonly shape: readonly number[] };
}

/** Milliseconds for which work is repeated, so that the time of a short text means something. */
const budget = 300;
/** Tokens of the first, small run, from which the time of the whole is guessed. */
const trialTokens = 512;

/** @param room How many of these tokens the picture has room for. */
export async function explore(
  options: ExploreOptions,
  progress: Progress,
  room: (tokens: readonly string[]) => number,
  note: (text: string) => void,
): Promise<Findings> {
  progress.stage("reading");
  const source = await readSource(options.input);
  const tokenizer = options.tokens === "subwords" ? await loadSubwords() : undefined;
  const tokens = tokenize(source.text, options.tokens, options.maxTokens, tokenizer);
  checkPageSize(options, tokens.texts.length);

  progress.stage("starting the engine");
  const engine = openEngine(options, note);
  try {
    await engine.warmUp();
    const layer = await makeLayer(options, engine);
    const { heads, headSize, embedDim } = layer;
    const x = embed(tokens, embedDim, options.positions, options.seed);
    const parts = await splitHeads(x, layer, options.causal, engine);
    const run = await timeAttention(x, parts, layer, engine, progress);

    progress.stage("checking a sample of rows in float64");
    const check = await verify({ x, heads: parts, ...run }, layer);
    progress.stage("timing pure JavaScript");
    const { head = 0 } = options;
    const slice = sliceHead(parts, head);
    const rows = (data: Float32Array): TensorLike => ({ data, shape: [slice.tokens, slice.E] });
    const ours = await engine.scaledDotProductAttention(
      rows(slice.query),
      rows(slice.key),
      rows(slice.value),
      { causal: options.causal },
    );
    const baselines = await timeBaselines(slice, options.causal, ours.output.data);
    const show = Math.min(options.show, room(tokens.texts.slice(0, options.show)));
    const picture = await takePicture(parts, head, tokens.texts, show, engine);
    const about = { options, source: source.name, tokens, sizes: { heads, headSize, embedDim } };
    return {
      ...about,
      engine: engine.info(),
      milliseconds: run.milliseconds,
      flops: attentionFlops(parts),
      baselines,
      check,
      picture,
      maps: await mapsOf(options, parts, tokens, engine),
      page: await pageOf(parts, about, engine, progress),
    };
  } finally {
    progress.stop();
    await engine.dispose();
  }
}

async function mapsOf(
  { svg, png, head, show }: ExploreOptions,
  parts: Heads,
  { texts }: Tokens,
  engine: Engine,
): Promise<Maps | undefined> {
  if (svg === undefined && png === undefined) return undefined;
  const heads = head === undefined ? Array.from({ length: parts.H }, (_, h) => h) : [head];
  return { heads, tokens: texts.slice(0, show), weights: await takeMaps(parts, heads, show, engine) };
}

/** Runs the layer over the whole text, then its attention operator alone, both off the event loop. */
async function timeAttention(
  x: TensorLike,
  heads: Heads,
  layer: Layer,
  engine: Engine,
  progress: Progress,
): Promise<{
  attention: TensorLike;
  output: TensorLike | undefined;
  milliseconds: { attention: number; layer: number | undefined };
}> {
  const { H, L, S, E, leading, causal } = heads;
  const options = { layout: "BLHE", causal, queryOffset: leading } as const;
  const trial = Math.min(L, trialTokens);
  const first = ({ data }: TensorLike): TensorLike => ({
    data: data.subarray(0, trial * H * E),
    shape: [1, trial, H, E],
  });
  let trialTime = 0;
  for (let i = 0; i < 2; i++) {
    // The first run finds threads asleep and memory small.
    const begun = performance.now();
    await engine.scaledDotProductAttention(first(heads.query), first(heads.key), first(heads.value), options);
    trialTime = performance.now() - begun;
  }
  const trialFlops = attentionFlops({ ...heads, L: trial, S: trial, leading: 0 });
  const flopsPerMillisecond = trialFlops / trialTime;
  const flops = attentionFlops(heads);
  const layerFlops = flops + 8 * L * (H * E) ** 2; // and four projections

  let output: TensorLike | undefined;
  let layerTime: number | undefined;
  if (layer.module !== undefined) {
    progress.stage("running the layer over the text", layerFlops / flopsPerMillisecond);
    layerTime = await measure(async () => {
      output = (await layer.module!.forward(x, x, x, { causal })).output;
    }, budget);
  }
  progress.stage(`attending from ${L} tokens to ${S}`, flops / flopsPerMillisecond);
  let attention: TensorLike | undefined;
  const attentionTime = await measure(async () => {
    const result = await engine.scaledDotProductAttention(heads.query, heads.key, heads.value, options);
    attention = result.output;
  }, budget);
  return { attention: attention!, output, milliseconds: { attention: attentionTime, layer: layerTime } };
}
