/** The worker that computes for the page: embedding, layers, summaries and the picture are all made here. */
import { AttentionError } from "wasm-attention";
import { toHtml } from "wasm-attention/inspect";
import { type Tokens, tokenize } from "../../../src/cli/explore/tokens.ts";
import { measure } from "../../../src/cli/measure/measure.ts";
import type { Settings } from "../settings/settings.ts";
import { embed } from "./embed.ts";
import type { Failure, KeptHeads, Reply, Request } from "./messages.ts";
import { numbersOf } from "./numbers.ts";
import { changeOf, type Pass, runPass } from "./pass.ts";
import { engineFor, layersFor } from "./prepared.ts";
import { summarize } from "./summary.ts";

type Job = Extract<Request, { kind: "compute" }>;

/** Milliseconds for which the layers are run again, so that the time of a short text means something. */
const budget = 30;

let inFlight = new AbortController();
let last: { readonly settings: Settings; readonly tokens: Tokens; readonly pass: Pass } | undefined;

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  if (data.kind === "numbers") {
    if (last !== undefined) tell({ kind: "numbers", json: numbersOf(last.settings, last.tokens, last.pass) });
    return;
  }
  inFlight.abort();
  inFlight = new AbortController();
  void compute(data, inFlight.signal);
});

async function compute(job: Job, signal: AbortSignal): Promise<void> {
  const { id, settings } = job;
  try {
    const tokens = await split(settings);
    signal.throwIfAborted();
    const engine = await engineFor(settings);
    // Layers are shared by all jobs: one that is replaced must not touch those of its successor.
    signal.throwIfAborted();
    const layers = layersFor(settings, engine);
    const x = embed(tokens, settings);
    let whole: Pass | undefined;
    const milliseconds = await measure(async () => {
      whole = await runPass(x, layers, settings, [], signal);
    }, budget);
    const ablated = anyOff(job.kept) ? await runPass(x, layers, settings, job.kept, signal) : undefined;
    const pass = ablated ?? whole!;
    last = { settings, tokens, pass };
    tell({
      kind: "result",
      id,
      tokens: tokens.texts,
      total: tokens.total,
      distinct: tokens.distinct,
      headSize: settings.embedDim / settings.heads,
      milliseconds,
      engine: engine.info(),
      heads: pass.weights.map(summarize),
      change: ablated && changeOf(whole!.output, ablated.output),
    });
    tell({ kind: "picture", id, html: await draw(settings, tokens, pass, signal) });
  } catch (error) {
    if (!signal.aborted) tell({ kind: "failure", id, failure: failureOf(error) });
  }
}

async function split({ text, tokens, maxTokens }: Settings): Promise<Tokens> {
  // A vocabulary is large: it is fetched when it is asked for.
  const tokenizer = tokens === "subwords" ? await import("gpt-tokenizer/encoding/r50k_base") : undefined;
  return tokenize(text, tokens, maxTokens, tokenizer);
}

function draw(
  settings: Settings,
  { texts }: Tokens,
  { weights }: Pass,
  signal: AbortSignal,
): Promise<string> {
  const layers = weights.map((tensor) => ({ weights: tensor }));
  const untrained = settings.projections === "none" ? "no projections" : "random weights, untrained";
  return toHtml(layers, {
    tokens: [...texts],
    title: titleOf(settings.text),
    description: `${settings.heads} heads, ${untrained}, positions: ${settings.positions}`,
    signal,
  });
}

/** The text itself, or how it begins. */
function titleOf(text: string): string {
  const words = text.trim().replace(/\s+/g, " ");
  return words.length <= 72 ? words : `${words.slice(0, words.lastIndexOf(" ", 71) + 1 || 71).trimEnd()}…`;
}

function anyOff(kept: KeptHeads): boolean {
  return kept.some((heads) => heads.includes(false));
}

function failureOf(error: unknown): Failure {
  if (error instanceof AttentionError) return { message: error.message, code: error.code };
  return { message: error instanceof Error ? error.message : String(error), code: undefined };
}

function tell(reply: Reply): void {
  postMessage(reply);
}
