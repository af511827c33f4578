/** What was computed from which files, into which: the same for `run` and `layer`. */

import { bold } from "../terminal/colours.ts";
import { bytes, plural, time } from "../terminal/format.ts";
import { columns, type Page } from "../terminal/table.ts";
import type { WrittenPicture } from "./pictures.ts";
import type { Written } from "./targets.ts";
import type { FileTensor } from "./tensor-file.ts";

export interface Transfer {
  readonly title: string;
  readonly inputs: Readonly<Record<string, FileTensor>>;
  readonly milliseconds: number;
  readonly threads: number;
  readonly outputs: readonly Written[];
  readonly pictures: readonly WrittenPicture[];
}

/** A tensor of a file without its numbers. */
export function describeFile({ data: _, ...rest }: FileTensor): Omit<FileTensor, "data"> {
  return rest;
}

export function reportFiles(
  { title, inputs, milliseconds, threads, outputs, pictures }: Transfer,
  page: Page,
): string[] {
  const place = ({ file, name }: { file: string; name?: string }): string =>
    name ? `${file}:${name}` : file;
  const shape = (sizes: readonly number[]): string => `[${sizes.join(", ")}]`;
  return [
    bold(`${title}: ${time(milliseconds)} on ${plural(threads, "thread")}`, page.depth),
    ...columns([
      ...Object.entries(inputs).map(([name, { dtype, ...tensor }]) => [
        `  ${name}`,
        shape(tensor.shape),
        dtype.toLowerCase(),
        `from ${place(tensor)}`,
      ]),
      ...outputs.map(({ result, dtype, ...tensor }) => [
        `  ${result}`,
        shape(tensor.shape),
        dtype,
        `to ${place(tensor)}, ${bytes(tensor.bytes)}`,
      ]),
      ...pictures.map((picture) => [
        "  picture",
        shape(picture.shape),
        picture.format,
        `to ${picture.file}, ${bytes(picture.bytes)}`,
      ]),
    ]),
  ];
}
