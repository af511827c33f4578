/** Wrong calls of `toSvg`. */
import { tensor } from "wasm-attention";
import { type SvgOptions, toSvg } from "wasm-attention/inspect";
import type { Maker } from "./makers.ts";
import type { Code } from "./rows.ts";

const column = tensor([1, 2], [2, 1]);

const shapes: readonly (readonly [readonly number[], string])[] = [
  [[1, 1, 1, 2], '"weights" expected shape [L, S] or [H, L, S], got [1, 1, 1, 2]'],
  [[0, 2], '"weights" expected sizes of at least 1, got [0, 2]'],
];

const options: readonly (readonly [object, Code, string])[] = [
  [{ tokens: ["a"] }, "ERR_SHAPE", '"tokens" expected L=2 strings, got 1'],
  [{ keyTokens: [1] }, "ERR_OPTION", '"keyTokens" expected strings, got 1 in place 0'],
  [{ axes: ["query"] }, "ERR_SHAPE", '"axes" expected 2 strings, got 1'],
  [{ heads: ["a"] }, "ERR_OPTION", '"heads" expected weights [H, L, S]'],
  [{ title: 1 }, "ERR_OPTION", '"title" expected a string, got 1'],
  [
    { colors: "jet" },
    "ERR_OPTION",
    '"colors" expected one of "viridis", "magma", "cividis", "blues", "greys", got "jet"',
  ],
  [{ colors: ["red", "blue"] }, "ERR_OPTION", '"colors" expected colours like "#1f77b4", got "red"'],
  [{ colors: ["#000000"] }, "ERR_OPTION", '"colors" expected at least two colours, got 1'],
  [{ scale: "sqrt" }, "ERR_OPTION", '"scale" expected one of "linear", "log", got "sqrt"'],
  [{ per: "column" }, "ERR_OPTION", '"per" expected one of "all", "head", "row", got "column"'],
  [{ columns: 0 }, "ERR_OPTION", '"columns" expected a whole number of at least 1, got 0'],
  [{ cellSize: 0.5 }, "ERR_OPTION", '"cellSize" expected a finite number of at least 1, got 0.5'],
  [{ cellSize: 101 }, "ERR_OPTION", '"cellSize" expected at most 100, got 101'],
  [{ domain: [1, 1] }, "ERR_OPTION", '"domain" expected [low, high], got [1, 1]'],
  [{ domain: [0, 1], scale: "log" }, "ERR_OPTION", '"domain" expected numbers above 0 on a log scale, got 0'],
  [{ domain: [0, 1], per: "row" }, "ERR_OPTION", '"domain" expected "per" to be "all", got "row"'],
  [{ legend: 1 }, "ERR_OPTION", '"legend" expected true or false, got 1'],
  [{ theme: "sepia" }, "ERR_OPTION", '"theme" expected one of "auto", "light", "dark", got "sepia"'],
  [
    { colour: "magma" },
    "ERR_OPTION",
    '"colour" is no option here (did you mean "colors"?); expected tokens, queryTokens, keyTokens, title, description, heads, axes, columns, colors, scale, per, domain, values, cellSize, legend, theme',
  ],
];

const large = tensor(new Float32Array(65 * 65), [65, 65]);

export const heatMaps: readonly Maker[] = [
  ...shapes.map(([shape, message]): Maker => {
    const data = new Float32Array(shape.reduce((size, n) => size * n, 1));
    return { call: () => toSvg({ data, shape }), code: "ERR_SHAPE", message };
  }),
  ...options.map(
    ([wrong, code, message]): Maker => ({ call: () => toSvg(column, wrong as SvgOptions), code, message }),
  ),
  {
    call: () => toSvg(large, { values: true }),
    code: "ERR_OPTION",
    message: '"values" expected at most 4096 cells to write in, got 4225',
  },
];
