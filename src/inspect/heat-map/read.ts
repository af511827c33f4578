/** Weights and options of a heat map, checked, with the defaults. */
import { describe } from "../../describe.ts";
import { AttentionError } from "../../errors.ts";
import { shapeError } from "../../tensor.ts";
import { isArray } from "../../typed-array.ts";
import { type FloatTensor, float32or64, readFloats } from "../../validate/floats.ts";
import { readEach } from "../../validate/lists.ts";
import {
  checkChoice,
  checkFlag,
  checkMost,
  checkNumber,
  checkWhole,
  readOptions,
} from "../../validate/options.ts";
import { checkText, checkTexts } from "../../validate/texts.ts";
import { type ColourMap, colourMaps, fromHex, type Rgb, stopsOf } from "./colour-maps.ts";
import { optionNames, type SvgOptions } from "./options.ts";

/** What is drawn. */
export interface HeatMap {
  /** `[H, L, S]`. */
  readonly data: Float32Array | Float64Array;
  readonly H: number;
  readonly L: number;
  readonly S: number;
  /** None for weights of rank 2, which are no head among others. */
  readonly heads: readonly string[] | undefined;
  readonly rowTokens: readonly string[] | undefined;
  readonly columnTokens: readonly string[] | undefined;
  readonly title: string | undefined;
  readonly description: string | undefined;
  readonly axes: readonly [string, string];
  readonly columns: number;
  readonly stops: readonly Rgb[];
  readonly scale: "linear" | "log";
  readonly per: "all" | "head" | "row";
  readonly domain: readonly [number, number] | undefined;
  readonly values: boolean;
  readonly cellSize: number | undefined;
  readonly legend: boolean;
  readonly theme: "auto" | "light" | "dark";
}

/** 4096 x 4096: what is larger shows more in its statistics than in a picture. */
const mostWeights = 2 ** 24;
/** Along the sides of one head whose values are written where nothing is said. */
const mostValues = 12;
/** Cells whose values may be written. */
const mostWritten = 4096;

/** @throws AttentionError for what does not fit */
export function readHeatMap(weights: FloatTensor, given: SvgOptions): HeatMap {
  const { data, shape } = readFloats("weights", weights, float32or64);
  if (shape.length !== 2 && shape.length !== 3)
    throw shapeError("weights", "shape [L, S] or [H, L, S]", shape);
  const [H, L, S] =
    shape.length === 2 ? [1, ...(shape as [number, number])] : (shape as [number, number, number]);
  if (data.length === 0) throw shapeError("weights", "sizes of at least 1", shape);
  if (data.length > mostWeights)
    throw shapeError("weights", `at most ${mostWeights} numbers, or a part of them to be drawn`, shape);
  const options = readOptions(given, optionNames);
  const { per = "all", scale = "linear", theme = "auto", legend = true, columns, cellSize } = options;
  checkChoice("scale", scale, ["linear", "log"]);
  checkChoice("per", per, ["all", "head", "row"]);
  checkChoice("theme", theme, ["auto", "light", "dark"]);
  checkFlag("legend", legend);
  const values = options.values ?? (H === 1 && Math.max(L, S) <= mostValues);
  checkFlag("values", values);
  if (values && data.length > mostWritten)
    throw new AttentionError(
      "ERR_OPTION",
      `"values" expected at most ${mostWritten} cells to write in, got ${data.length}`,
    );
  if (columns !== undefined) checkWhole("columns", columns, 1);
  if (cellSize !== undefined) {
    checkNumber("cellSize", cellSize, 1);
    checkMost("cellSize", cellSize, 100);
  }
  return {
    data,
    H,
    L,
    S,
    ...readTexts(options, shape),
    columns: Math.min(columns ?? usualColumns(H), H),
    stops: readColours(options.colors),
    scale,
    per,
    domain: readDomain(options.domain, scale, per),
    values,
    cellSize,
    legend,
    theme,
  };
}

/** Titles and labels. */
function readTexts(
  options: SvgOptions,
  shape: readonly number[],
): Pick<HeatMap, "heads" | "rowTokens" | "columnTokens" | "title" | "description" | "axes"> {
  const [L, S] = shape.slice(-2) as [number, number];
  const list = (
    name: "tokens" | "queryTokens" | "keyTokens" | "heads" | "axes",
    length: string,
    n: number,
  ) => {
    const texts = options[name];
    return texts === undefined ? undefined : takeTexts(name, texts, length, n);
  };
  for (const name of ["title", "description"] as const) {
    if (options[name] !== undefined) checkText(name, options[name]);
  }
  const own = { rows: list("queryTokens", "L", L), columns: list("keyTokens", "S", S) };
  const heads = shape.length === 3 ? (list("heads", "H", shape[0]!) ?? numbered(shape[0]!)) : undefined;
  if (heads === undefined && options.heads !== undefined)
    throw new AttentionError("ERR_OPTION", '"heads" expected weights [H, L, S]');
  return {
    heads,
    rowTokens: own.rows ?? list("tokens", "L", L),
    columnTokens: own.columns ?? list("tokens", "S", S),
    title: options.title,
    description: options.description,
    axes: (list("axes", "2", 2) as [string, string] | undefined) ?? ["query", "key"],
  };
}

/** So many texts. */
function takeTexts(name: string, texts: unknown, length: string, n: number): readonly string[] {
  if (isArray(texts) && texts.length !== n)
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected ${length === String(n) ? n : `${length}=${n}`} strings, got ${texts.length}`,
    );
  checkTexts(name, texts, n);
  return texts;
}

function numbered(H: number): string[] {
  return Array.from({ length: H }, (_, h) => `head ${h}`);
}

/** A divisor of H near its square root, so that no place stays empty, or what is next to the root. */
function usualColumns(H: number): number {
  const root = Math.ceil(Math.sqrt(H));
  for (let columns = root; columns <= root * 1.6; columns++) if (H % columns === 0) return columns;
  return root;
}

function readColours(colors: SvgOptions["colors"] = "viridis"): readonly Rgb[] {
  if (!isArray(colors)) {
    checkChoice("colors", colors, colourMaps);
    return stopsOf(colors as ColourMap);
  }
  const stops = readEach("colors", colors, (text) => {
    const colour = typeof text === "string" ? fromHex(text) : undefined;
    if (colour !== undefined) return colour;
    throw new AttentionError("ERR_OPTION", `"colors" expected colours like "#1f77b4", got ${describe(text)}`);
  });
  if (stops.length >= 2) return stops;
  throw new AttentionError("ERR_OPTION", `"colors" expected at least two colours, got ${stops.length}`);
}

function readDomain(
  domain: SvgOptions["domain"],
  scale: "linear" | "log",
  per: "all" | "head" | "row",
): readonly [number, number] | undefined {
  if (domain === undefined) return undefined;
  if (per !== "all")
    throw new AttentionError("ERR_OPTION", `"domain" expected "per" to be "all", got "${per}"`);
  const [low, high]: readonly unknown[] = isArray(domain) && domain.length === 2 ? domain : [];
  checkNumber("domain", low);
  checkNumber("domain", high);
  if ((low as number) >= (high as number))
    throw new AttentionError("ERR_OPTION", `"domain" expected [low, high], got [${low}, ${high}]`);
  if (scale === "log" && (low as number) <= 0)
    throw new AttentionError("ERR_OPTION", `"domain" expected numbers above 0 on a log scale, got ${low}`);
  return [low as number, high as number];
}
