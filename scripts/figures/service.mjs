// What docs/operations.md says in figures, from bench/results/service.json.
import { describeMachine, formatNumber, formatTime } from "../../bench/charts/results.mjs";
import { align } from "./markdown.mjs";

/** Each region's text, by its name. */
export const serviceRegions = { load, queue, memory };

const names = { wasm: "wasm-attention", javascript: "tuned JavaScript" };

function load({ service }) {
  const { trials, machine, sizes, date, command, versions } = service;
  const head = [
    "",
    "load",
    "pool/s",
    "p50",
    "p99",
    "decode/s",
    "p50",
    "p99",
    "refused",
    "event loop p50",
    "p99",
  ];
  const rows = trials.flatMap(({ backend, phases }) =>
    phases.map(({ name, pool, decode, delay }) => [
      names[backend],
      `${pool.connections + decode.connections} connections, ${name}`,
      ...[pool, decode].flatMap((route) => [
        perSecond(route).toFixed(0),
        formatTime(route.latency.p50),
        formatTime(route.latency.p99),
      ]),
      `${Math.round(100 * refused(pool, decode))}%`,
      formatTime(delay.p50),
      formatTime(delay.p99),
    ]),
  );
  const { model, pool, promptTokens } = sizes;
  const [{ idle, garbage, threadsKilled, phases }] = trials;
  const checked = phases.reduce((sum, { pool, decode }) => sum + pool.checked + decode.checked, 0);
  const wrong = phases.reduce((sum, { pool, decode }) => sum + pool.wrong + decode.wrong, 0);
  const lost = phases.reduce((sum, { pool, decode }) => sum + pool.lost + decode.lost, 0);
  const sent = garbage.reduce((sum, one) => sum + one.sent, 0);
  return [
    "",
    ...align([head, ...rows]),
    "",
    `Pool: ${pool.queries} queries over ${pool.candidates} candidates of ${pool.dimensions}. Decode: requests of conversations of ${sizes.turns.reduce((sum, tokens) => sum + tokens, 0)} tokens, ${model.heads} query heads on ${model.kvHeads} of ${model.headDim}, forked off a prompt of ${count(promptTokens)} tokens. ${describeMachine(machine)}, Node ${machine.node.slice(1)}, ${trials[0].threads} thread for attention, Fastify ${versions.fastify}, on ${date.slice(0, 10)} by \`${command}\`. The load came from the same ${machine.cores} cores. The event loop's delay without any load: p50 ${formatTime(idle.p50)}, p99 ${formatTime(idle.p99)}.`,
    "",
    `Beyond capacity, wasm-attention got ${count(sent)} requests of ${garbage.length} kinds of garbage beside, and ${threadsKilled} of its threads were killed. Of all its answers ${count(checked)} were compared with float64: ${wrong} were wrong. ${lost === 0 ? "No request was lost" : `${lost} requests were lost`}.`,
    "",
  ].join("\n");
}

function queue({ service: { trials } }) {
  const { pool, decode } = trials[0].phases[0];
  const rate = perSecond(pool) + perSecond(decode);
  return [
    "",
    `At capacity the service above answered ${formatNumber(rate)} requests a second, one every ${formatTime(1000 / rate)}. With 64 under way, 32 that run and 32 that wait, one that is let in is answered after some ${formatTime((64 * 1000) / rate)}.`,
    "",
  ].join("\n");
}

function memory({ service: { trials } }) {
  const rows = trials.map(({ backend, memory }) => [
    names[backend],
    mebibytes(memory.rssBefore),
    mebibytes(memory.rssAfter),
    String(memory.liveSessions),
    mebibytes(memory.sessions),
    backend === "wasm" ? mebibytes(memory.used) : "",
    backend === "wasm" ? mebibytes(memory.reserved) : "",
  ]);
  const head = [
    "",
    "resident before",
    "after",
    "sessions open",
    "their bytes",
    "linear memory in use",
    "kept",
  ];
  return ["", ...align([head, ...rows], 1), ""].join("\n");
}

/** Requests a second that got what they asked for. */
function perSecond({ statuses, seconds }) {
  const done = Object.entries(statuses).filter(([status]) => Number(status) < 300);
  return done.reduce((sum, [, count]) => sum + count, 0) / seconds;
}

/** The share of answers that were a refusal for overload. */
function refused(...routes) {
  const all = routes.reduce((sum, { answered }) => sum + answered, 0);
  return routes.reduce((sum, { statuses }) => sum + (statuses[503] ?? 0), 0) / all;
}

function mebibytes(bytes) {
  return `${formatNumber(bytes / 2 ** 20)} MiB`;
}

function count(x) {
  return x.toLocaleString("en");
}
