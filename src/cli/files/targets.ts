/** Results into files, checked before anything is computed. */
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writeNpy } from "../../npy.ts";
import { writeSafetensors } from "../../safetensors/index.ts";
import type { TensorLike } from "../../tensor-like.ts";
import { CommandError } from "../command-error.ts";
import { misuse } from "../grammar/option.ts";
import { type Place, placeOf } from "./place.ts";
import { type Content, replaceFiles } from "./replace-files.ts";

/** Where a result goes. */
export interface Target extends Place {
  /** `output`, `weights`: the name in a safetensors file that is given none. */
  readonly result: string;
}

/** A result that was written. */
export interface Written {
  readonly result: string;
  readonly file: string;
  readonly name?: string;
  readonly shape: readonly number[];
  readonly dtype: "float32";
  readonly bytes: number;
}

/** @throws CommandError with exit code 2 for a name that says no format. */
export function targetOf(text: string, flag: string, result: string): Target {
  const place = placeOf(text);
  if (place.format === "safetensors") return { ...place, name: place.name ?? result, result };
  if (/\.npy$/i.test(text)) return { ...place, result };
  throw misuse(`${flag} expected a name that ends in .npy or .safetensors, got ${JSON.stringify(text)}`);
}

/** @throws CommandError where a result would overwrite an input or another result, or has no folder to be in. */
export async function checkTargets(
  targets: readonly Pick<Target, "file" | "name" | "result">[],
  inputs: readonly string[],
): Promise<void> {
  const taken = new Set<string>();
  const sources = await Promise.all(inputs.map(identity));
  for (const { file, name, result } of targets) {
    const folder = await stat(dirname(file)).catch(() => undefined);
    if (!folder?.isDirectory())
      throw new CommandError(1, `no such folder: ${dirname(file)}, in which ${basename(file)} should be`);
    const there = await stat(file).catch(() => undefined);
    if (there !== undefined && !there.isFile())
      throw new CommandError(1, `${file} is no file that can be replaced`);
    const own = await identity(file);
    if (sources.includes(own))
      throw new CommandError(2, `${file} is an input: the ${result} may not overwrite it`);
    const place = JSON.stringify([own, name]);
    if (taken.has(place))
      throw new CommandError(2, `two results cannot both be ${file}${name ? `:${name}` : ""}`);
    taken.add(place);
  }
}

/** What two names of one file have in common. */
async function identity(file: string): Promise<string> {
  const real = await realpath(file).catch(() => undefined);
  return real ?? join(await realpath(dirname(file)).catch(() => dirname(file)), basename(file));
}

/** Writes all results, those of one safetensors file together, and what else there is, or none of it. */
export async function writeResults(
  results: readonly {
    readonly target: Target;
    readonly tensor: TensorLike & { readonly shape: readonly number[] };
  }[],
  beside: readonly Content[] = [],
): Promise<Written[]> {
  const files = new Map<string, typeof results>();
  for (const one of results) files.set(one.target.file, [...(files.get(one.target.file) ?? []), one]);
  const contents = [...files].map(([file, together]) => ({ file, bytes: encode(together) }));
  await replaceFiles([...contents, ...beside]);
  return [...files.values()].flat().map(({ target, tensor }) => describe(target, tensor.shape));
}

function encode(together: Parameters<typeof writeResults>[0]): Uint8Array {
  const [{ target, tensor }] = together as [(typeof together)[number]];
  if (target.format === "npy") return writeNpy(tensor);
  return writeSafetensors(Object.fromEntries(together.map(({ target, tensor }) => [target.name!, tensor])));
}

function describe({ result, file, name }: Target, shape: readonly number[]): Written {
  const bytes = 4 * shape.reduce((size, n) => size * n, 1);
  return { result, file, ...(name !== undefined && { name }), shape: [...shape], dtype: "float32", bytes };
}
