/** Heat maps into files. */
import type { SvgOptions } from "../../inspect/heat-map/options.ts";
import { toPng } from "../../inspect/heat-map/to-png.ts";
import { toSvg } from "../../inspect/heat-map/to-svg.ts";
import type { TensorLike } from "../../tensor-like.ts";
import { misuse } from "../grammar/option.ts";
import type { PictureOptions } from "../grammar/picture-options.ts";
import type { Content } from "./replace-files.ts";

/** A file that a picture goes into. */
export interface PictureTarget {
  readonly file: string;
  readonly format: "svg" | "png";
  readonly name: undefined;
  readonly result: "picture";
}

/** A picture that was written. */
export interface WrittenPicture {
  readonly file: string;
  readonly format: "svg" | "png";
  /** Of the weights drawn. */
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** @throws CommandError with exit code 2 for a name that says another format, and for colours of no picture */
export function pictureTargets(options: PictureOptions): PictureTarget[] {
  const formats = ["svg", "png"] as const;
  const targets = formats.flatMap((format): PictureTarget[] => {
    const file = options[format];
    if (file === undefined) return [];
    if (!file.toLowerCase().endsWith(`.${format}`))
      throw misuse(`--${format} expected a name that ends in .${format}, got ${JSON.stringify(file)}`);
    return [{ file, format, name: undefined, result: "picture" }];
  });
  if (targets.length === 0 && (options.colors !== undefined || options.logColors))
    throw misuse("--colors and --log-colors expected a picture: --svg FILE or --png FILE");
  return targets;
}

/** Each row has a scale of its own, as in the terminal: one that attends to a single key would leave all others dark. */
export function drawPictures(
  targets: readonly PictureTarget[],
  weights: TensorLike & { readonly shape: readonly number[] },
  { colors, logColors }: PictureOptions,
  labels: Pick<SvgOptions, "title" | "tokens" | "heads">,
): { readonly contents: Content[]; readonly pictures: WrittenPicture[] } {
  const options: SvgOptions = { colors, scale: logColors ? "log" : "linear", per: "row", ...labels };
  const contents = targets.map(({ file, format }) => ({
    file,
    bytes: format === "svg" ? new TextEncoder().encode(toSvg(weights, options)) : toPng(weights, options),
  }));
  const pictures = targets.map(({ file, format }, n) => ({
    file,
    format,
    shape: [...weights.shape],
    bytes: contents[n]!.bytes.length,
  }));
  return { contents, pictures };
}

/**
 * What a computation has for weights, `[B, H, L, S]` or fewer dimensions, of its first batch entry.
 *
 * @param isMean whether heads are averaged: the first of three dimensions is B then
 */
export function drawWeights(
  targets: readonly PictureTarget[],
  weights: (TensorLike & { readonly shape: readonly number[] }) | undefined,
  options: PictureOptions,
  note: (text: string) => void,
  isMean = false,
): ReturnType<typeof drawPictures> {
  if (targets.length === 0 || weights === undefined) return { contents: [], pictures: [] };
  const { data, shape } = weights;
  if (shape.length <= (isMean ? 2 : 3)) return drawPictures(targets, weights, options, {});
  const [entries, ...rest] = shape as [number, ...number[]];
  if (entries > 1) note(`the picture shows the first of ${entries} batch entries`);
  const size = rest.reduce((product, n) => product * n, 1);
  return drawPictures(targets, { data: data.subarray(0, size), shape: rest }, options, {});
}
