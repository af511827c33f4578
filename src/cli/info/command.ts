/** What an engine would use here. It asks the parts of an engine: these take no memory for it. */
import { availableParallelism } from "node:os";
import { checkMemory, countThreads, whyAlone } from "../../engine/engine-options.ts";
import { chooseKernels, runs, type WideVerdict } from "../../engine/kernel-sets.ts";
import { whyNoRevectorization } from "../../engine/revectorization.ts";
import { judgeWide } from "../../trial/wide.ts";
import type { Execute } from "../command.ts";
import { packageVersion } from "../package-version.ts";
import { bold } from "../terminal/colours.ts";
import { bytes, plural } from "../terminal/format.ts";
import { type Page, type Row, table } from "../terminal/table.ts";
import type { InfoOptions } from "./options.ts";

/** A kernel set, whether it runs here, and what speaks for or against it. */
interface KernelFacts {
  readonly runs: boolean;
  readonly reason: string;
}

interface Facts {
  readonly v8: string;
  readonly platform: string;
  readonly kernels: { readonly chosen: string; readonly reason: string } & Readonly<
    Record<"strict" | "relaxed" | "wide", KernelFacts>
  >;
  readonly threads: {
    readonly count: number;
    readonly processors: number;
    readonly withoutWorkers: string | null;
  };
  readonly memory: { readonly limit: number; readonly shared: boolean };
  readonly environment: Readonly<Record<string, string | null>>;
}

export const infoCommand: Execute<InfoOptions> = async (values, _, { page }) => {
  const threads = countThreads(values.threads);
  const alone = whyAlone(threads);
  let verdict: WideVerdict | undefined;
  const { set, reason } = chooseKernels(values.kernels, () => (verdict = judgeWide(alone === undefined)));
  const facts: Facts = {
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    kernels: {
      chosen: set,
      reason,
      strict: strictFacts(),
      relaxed: relaxedFacts(),
      wide: wideFacts(verdict),
    },
    threads: { count: threads, processors: availableParallelism(), withoutWorkers: alone ?? null },
    memory: { limit: checkMemory(), shared: alone === undefined },
    environment: Object.fromEntries(
      ["WASM_ATTENTION_KERNELS", "WASM_ATTENTION_THREADS"].map((name) => [name, process.env[name] ?? null]),
    ),
  };
  return { facts, lines: report(facts, page) };
};

function strictFacts(): KernelFacts {
  return runs("strict")
    ? { runs: true, reason: "128-bit SIMD: the same bits on every machine" }
    : { runs: false, reason: "this JavaScript engine has no WebAssembly SIMD" };
}

function relaxedFacts(): KernelFacts {
  return runs("relaxed")
    ? { runs: true, reason: "fused multiply-adds: faster, may round otherwise elsewhere" }
    : { runs: false, reason: "they need relaxed SIMD: Node 22 or later" };
}

function wideFacts(verdict: WideVerdict | undefined): KernelFacts {
  if (verdict) return { runs: verdict.usable, reason: verdict.reason };
  const refusal = whyNoRevectorization();
  if (refusal !== undefined) return { runs: false, reason: refusal };
  return runs("wide")
    ? { runs: true, reason: "an experiment of V8, used where asked for; info --kernels wide tries them" }
    : { runs: false, reason: "they need relaxed SIMD" };
}

function report({ v8, platform, kernels, threads, memory, environment }: Facts, page: Page): string[] {
  const sets = (["strict", "relaxed", "wide"] as const).map(
    (set): Row => [`  ${set}`, kernels[set].runs ? "yes" : "no", kernels[set].reason],
  );
  const workers = threads.withoutWorkers === null ? "" : `; no workers: ${threads.withoutWorkers}`;
  const variables = Object.entries(environment).flatMap(([name, value]): Row[] =>
    value === null ? [] : [[name, value, "in the environment"]],
  );
  const title = `wasm-attention ${packageVersion()} on Node ${process.version}, V8 ${v8}, ${platform}`;
  return [
    bold(title, page.depth),
    ...table(
      [
        ["kernels", kernels.chosen, kernels.reason],
        ...sets,
        ["threads", String(threads.count), `of ${plural(threads.processors, "processor")}${workers}`],
        ["memory", bytes(memory.limit), memory.shared ? "at most; shared by the threads" : "at most"],
        ...variables,
      ],
      page,
    ),
  ];
}
