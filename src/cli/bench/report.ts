import { bold } from "../terminal/colours.ts";
import { count, figure, plural, time } from "../terminal/format.ts";
import { columns, type Page, wrap } from "../terminal/table.ts";
import type { ShapeFigures } from "./bench.ts";

export interface BenchFindings {
  readonly machine: {
    readonly cpu: string;
    readonly processors: number;
    readonly platform: string;
    readonly v8: string;
  };
  readonly engine: { readonly kernels: string; readonly reason: string; readonly threads: number };
  /** The instructions that the peak is made of. */
  readonly set: "strict" | "relaxed";
  readonly figures: readonly { readonly shape: string; readonly figures: ShapeFigures }[];
}

export function reportBench({ machine, engine, set, figures }: BenchFindings, page: Page): string[] {
  const { threads } = engine;
  const many = threads > 1;
  const header = [
    "",
    "naive JS",
    "tuned JS",
    "1 thread",
    "of peak",
    ...(many ? [`${threads} threads`] : []),
    "× tuned",
  ];
  const rows = figures.map(({ shape, figures: f }) => [
    f.size.causal ? `${shape} causal` : shape,
    time(f.naive.best),
    time(f.tuned.best),
    time(f.oneThread.best),
    `${((100 * f.oneThread.gflops) / f.peak).toFixed(0)}%`,
    ...(many ? [time(f.allThreads!.best)] : []),
    [f.oneThread, ...(many ? [f.allThreads!] : [])]
      .map(({ best }) => figure2(f.tuned.best / best))
      .join(" / "),
  ]);
  const peak = Math.max(...figures.map(({ figures }) => figures.peak));
  const error = Math.max(...figures.map(({ figures }) => figures.error));
  const loop = set === "relaxed" ? "fused multiply-adds" : "multiplications and additions";
  const [head, ...body] = columns([header, ...rows], [1, 2, 3, 4, 5, 6]);
  return [
    bold(`Attention on ${engine.kernels} kernels, best of the runs`, page.depth),
    ...wrap(
      `${machine.cpu}, ${plural(machine.processors, "processor")}, Node ${process.version}`,
      page.width,
    ),
    "",
    head!,
    ...body,
    "",
    ...wrap(
      `The peak is ${figure(peak)} GFLOP/s a thread: a loop of 128-bit ${loop}. ` +
        `Plain JavaScript ran on ${slices(figures)}` +
        `Checked before timing: largest error ${error.toExponential(1)} of the largest output, against float64.`,
      page.width,
    ),
  ];
}

function figure2(x: number): string {
  return x.toFixed(x >= 9.95 ? 0 : 1);
}

/** What plain JavaScript was given. */
function slices(figures: BenchFindings["figures"]): string {
  const isWhole = figures.every(({ figures: { size, slice } }) => size.H * size.L === slice.H * slice.L);
  if (isWhole) return "the whole. ";
  const [one] = figures;
  const { H, L } = one!.figures.slice;
  const part =
    figures.length > 1
      ? "a part that takes a tenth of a second"
      : `${plural(H, "head")} of ${count(one!.figures.size.H)}, ${plural(L, "token")}`;
  return `${part}, scaled by the operations counted. `;
}
