/** The operator's options from the command line's: numbers read, files opened. */
import { type AttentionOptions, alibiSlopes } from "../../index.ts";
import { readFloats, readMask, readVector } from "../files/tensor-file.ts";
import { flagOf, misuse } from "../grammar/option.ts";
import type { RunOptions } from "./options.ts";

const files = ["query", "key", "value", "mask", "bias", "relativeBias"] as const;
const vectors = [
  "queryOffset",
  "kvLengths",
  "cuSeqlensQuery",
  "cuSeqlensKey",
  "alibiSlopes",
  "sinks",
] as const;

/** All files that may be read; of numbers on the command line there is none. */
export function placesOf(values: RunOptions): string[] {
  return [...files, ...vectors].flatMap((name) => values[name] ?? []);
}

/** @param heads H, for which `--alibi` makes slopes */
export async function readOptions(
  values: RunOptions,
  heads: number,
  note: (text: string) => void,
): Promise<AttentionOptions> {
  checkTogether(values);
  const { mask, bias, queryOffset } = values;
  const vector = async (
    name: (typeof vectors)[number],
  ): Promise<Awaited<ReturnType<typeof readVector>> | undefined> =>
    values[name] === undefined ? undefined : readVector(values[name], flagOf(name));
  const [query, key] = [await vector("cuSeqlensQuery"), await vector("cuSeqlensKey")];
  return {
    mask: mask === undefined ? undefined : await readMask(mask, "--mask", note),
    bias: bias === undefined ? undefined : await readFloats(bias, "--bias"),
    relativeBias: await relativeBiasOf(values),
    causal: values.causal,
    window: values.window === undefined ? undefined : readWindow(values.window),
    queryOffset: queryOffset === "bottom-right" ? queryOffset : alone(await vector("queryOffset")),
    kvLengths: await vector("kvLengths"),
    cuSeqlens: query && key && { query, key },
    scale: values.scale,
    softcap: values.softcap,
    similarity: values.similarity,
    alibiSlopes: values.alibi ? alibiSlopes(heads) : await vector("alibiSlopes"),
    sinks: await vector("sinks"),
    layout: values.layout,
    returnWeights: values.returnWeights !== undefined,
    returnLogSumExp: values.lse !== undefined,
    returnScores: values.returnScores === undefined ? undefined : (values.scoresAt ?? "biased"),
  };
}

function checkTogether(values: RunOptions): void {
  if (values.alibi && values.alibiSlopes !== undefined)
    throw misuse("--alibi and --alibi-slopes exclude each other");
  if ((values.cuSeqlensQuery === undefined) !== (values.cuSeqlensKey === undefined))
    throw misuse("--cu-seqlens-query and --cu-seqlens-key are given together");
  if (values.scoresAt !== undefined && values.returnScores === undefined)
    throw misuse("--scores-at expected --return-scores FILE");
  const { relativeBias, relativeBiasPast, relativeBiasDistance } = values;
  if (relativeBias === undefined && (relativeBiasPast || relativeBiasDistance !== undefined))
    throw misuse("--relative-bias-past and --relative-bias-distance expected a table: --relative-bias FILE");
}

async function relativeBiasOf({
  relativeBias,
  relativeBiasPast,
  relativeBiasDistance,
}: RunOptions): Promise<AttentionOptions["relativeBias"]> {
  if (relativeBias === undefined) return undefined;
  return {
    table: await readFloats(relativeBias, "--relative-bias"),
    bidirectional: !relativeBiasPast,
    maxDistance: relativeBiasDistance,
  };
}

function readWindow(text: string): readonly [number, number] {
  const [, left, right] = /^\s*(-?\d+)\s*,\s*(-?\d+)\s*$/.exec(text) ?? [];
  if (left !== undefined && right !== undefined) return [Number(left), Number(right)];
  throw misuse(`--window expected two whole numbers, as in 128,0 or -1,0, got ${JSON.stringify(text)}`);
}

/** One number on the command line is for all entries. */
function alone<T>(vector: T): T | number {
  return Array.isArray(vector) && vector.length === 1 ? (vector[0] as number) : vector;
}
