// What docs/efficient-attention.md says in figures, from bench/results/efficient.json.
import { describeMachine, formatTime } from "../../bench/charts/results.mjs";
import { align } from "./markdown.mjs";

/** Each region's text, by its name. */
export const efficientRegions = {
  "break-even": breakEven,
  times,
  patterns: ({ efficient: { errors } }) => errorTable(errors, patternColumns(errors)),
  linformer: ({ efficient: { errors } }) => errorTable(errors, linformerColumns(errors)),
  performer: ({ efficient: { errors } }) => errorTable(errors, sizedColumns(errors, "m", "performer")),
};

function breakEven({ efficient: { times, machine, kernels, date, command } }) {
  const rows = times.contenders
    .filter(({ replaces }) => replaces !== null)
    .map(({ name, replaces, breakEven }) => [name, replaces, paysFrom(breakEven, times.lengths)]);
  return [
    "",
    "![Chart of time against length on logarithmic axes: exact attention rises with the square of the length, the others with the length.](images/efficient.svg)",
    "",
    ...align([["", "instead of", "pays from"], ...rows]),
    "",
    `One head of ${times.E}, one thread, ${kernels} kernels, ${describeMachine(machine)}, Node ${machine.node.slice(1)} (V8 ${machine.v8}), on ${date.slice(0, 10)} by \`${command}\`. Best runs.`,
    "",
  ].join("\n");
}

function paysFrom(length, lengths) {
  if (length === null) return `not up to ${thousands(lengths.at(-1))} tokens`;
  return length === 0 ? `any length from ${lengths[0]}` : `${thousands(length)} tokens`;
}

/** The last column shows how cost grows: 4 is linear, 16 quadratic. */
function times({ efficient }) {
  const { lengths, contenders } = efficient.times;
  const columns = lengths.map((_, n) => n).filter((n) => n % 2 === 0);
  const last = lengths.length - 1;
  const header = ["tokens", ...columns.map((n) => thousands(lengths[n])), "× for 4 × the tokens"];
  const rows = contenders.map(({ name, best }) => [
    name,
    ...columns.map((n) => formatTime(best[n])),
    (best[last] / best[last - 2]).toFixed(1),
  ]);
  return ["", ...align([header, ...rows], 1), ""].join("\n");
}

const mean = { title: "mean of all values", name: "mean" };

function patternColumns({ shares }) {
  const share = (name) => `${(100 * shares[name]).toFixed(0)}% of the scores`;
  return [
    { title: `Longformer, ${share("longformer")}`, name: "longformer" },
    { title: `BigBird, ${share("bigBird")}`, name: "bigBird" },
  ];
}

function linformerColumns(errors) {
  return [
    ...sizedColumns(errors, "pooling, P", "pooling"),
    { title: "random, P = 256", name: "projection-256" },
  ];
}

function sizedColumns({ sizes }, letter, name) {
  return sizes.map((size) => ({ title: `${letter} = ${size}`, name: `${name}-${size}` }));
}

function errorTable({ kinds, L, E, draws }, columns) {
  const all = [...columns, mean];
  const rows = kinds.map(({ name, spread, errors }) => [
    name,
    String(spread),
    ...all.map((column) => formatError(errors[column.name])),
  ]);
  return [
    "",
    ...align([["tokens", "spread", ...all.map(({ title }) => title)], ...rows]),
    "",
    `Self-attention over ${thousands(L)} tokens, heads of ${E}, ${draws} draws.`,
    "",
  ].join("\n");
}

/** A share of the output: two digits are all that the draws leave meaning to. */
function formatError(error) {
  if (error >= 9.95) return `${error.toFixed(0)}`;
  return error >= 0.995 ? error.toFixed(1) : error.toPrecision(2);
}

function thousands(n) {
  return n.toLocaleString("en-US");
}
