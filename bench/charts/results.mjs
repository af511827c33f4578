// The figures of bench/results/*.json, and how they are put into words. Charts and README are both made from here.
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";

const root = path.join(import.meta.dirname, "..", "..");

export const resultsFolder = path.join(root, "bench", "results");
export const imagesFolder = path.join(root, "docs", "images");

/** The two sides that are shown: a kernel set, and the Node version that stands for it. */
export const sides = [
  { kernels: "strict", major: 20 },
  { kernels: "relaxed", major: 24 },
];

/** What is measured apart: by the prefix of its files, and the command that writes them. */
const kinds = {
  speed: { prefix: "", command: "npm run bench" },
  peers: { prefix: "peers-", command: "npm run bench:peers" },
  scaling: { prefix: "scaling-", command: "npm run bench:scaling" },
  soak: { prefix: "soak-", command: "npm run soak" },
};

/** Every Node version that figures may be of; those of `sides` must be there, the others may. */
const majors = [20, 22, 24, 26];

/** All figures, by what they are of: `speed`, `peers`, `scaling`, `soak`, `efficient`, `wide`, `roofline`, `versions`, `service`, `responsiveness`. */
export function readAllResults(folder = resultsFolder) {
  const results = Object.keys(kinds).map((kind) => [kind, readResults(folder, kinds[kind])]);
  return {
    ...Object.fromEntries(results),
    efficient: readEfficient(folder),
    wide: readWide(folder),
    roofline: readOfAllVersions(folder, { usual: "roofline-", wide: "roofline-wide-" }),
    versions: readOfAllVersions(folder, { usual: "", wide: "wide-", peers: "peers-", scaling: "scaling-" }),
    service: readService(folder),
    responsiveness: readResponsiveness(folder),
  };
}

/**
 * Whatever was measured on any Node version, in files of these prefixes. A version without the `usual` file is left out, and
 * so is every other file that is missing.
 *
 * @returns {{ machine: object, versions: { major: number, usual: object, [kind: string]: object }[], digest: string }}
 */
function readOfAllVersions(folder, prefixes) {
  const readIfThere = (file) => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : undefined);
  const versions = majors
    .map((major) => {
      const files = Object.entries(prefixes).map(([kind, prefix]) => [
        kind,
        readIfThere(path.join(folder, `${prefix}${major}.json`)),
      ]);
      return { major, ...Object.fromEntries(files.filter(([, result]) => result !== undefined)) };
    })
    .filter(({ usual }) => usual !== undefined);
  if (versions.length === 0) throw new Error(`no figures ${prefixes.usual}*.json in ${folder}`);
  const all = versions.flatMap(({ major, ...results }) => Object.values(results));
  return { machine: checkMachine(all), versions, digest: digestOf(versions) };
}

/** The figures of the example service under load, which are of one Node version. No chart is made of them. */
function readService(folder) {
  return readJson(path.join(folder, "service.json"), "npm --prefix examples/service run load -- --json");
}

/** What calls notice of one another, of one Node version. */
function readResponsiveness(folder) {
  return readJson(path.join(folder, "responsiveness-24.json"), 'npm run bench:responsiveness" on "Node 24');
}

/** The figures of the wide kernels, which are measured alone: their flag changes how V8 compiles the others. */
function readWide(folder) {
  const file = path.join(folder, "wide-24.json");
  const result = readJson(file, 'npm run bench -- --wide" on "Node 24');
  return { ...result, digest: digestOf(result) };
}

/** The figures of the efficient variants, which are of one Node version. */
function readEfficient(folder) {
  const result = readJson(path.join(folder, "efficient.json"), "npm run bench:efficient");
  return { ...result, digest: digestOf(result) };
}

/**
 * Reads one file of figures for each side. `digest` stands for all of them: charts carry it, so that one can see
 * whether they are of these figures.
 *
 * @returns {{ machine: object, sides: { kernels: string, major: number, result: object }[], digest: string }}
 */
function readResults(folder, kind) {
  const read = sides.map((side) => ({ ...side, result: readResult(folder, kind, side.major) }));
  const results = read.map(({ result }) => result);
  return { machine: checkMachine(results), sides: read, digest: digestOf(results) };
}

/** The machine that all of them are of. */
function checkMachine(results) {
  const machines = new Set(results.map(({ machine }) => describeMachine(machine)));
  if (machines.size > 1)
    throw new Error(`figures of different machines do not compare: ${[...machines].join("; ")}`);
  return results[0].machine;
}

function digestOf(figures) {
  return crypto.createHash("sha256").update(JSON.stringify(figures)).digest("hex").slice(0, 16);
}

function readResult(folder, { prefix, command }, major) {
  return readJson(path.join(folder, `${prefix}${major}.json`), `${command}" on "Node ${major}`);
}

function readJson(file, command) {
  if (!fs.existsSync(file)) throw new Error(`${path.relative(root, file)} is missing: run "${command}"`);
  return JSON.parse(fs.readFileSync(file, "utf8"));
}

/** The case of that name in a side's figures, or nothing. */
export function findCase({ result }, name) {
  return result.cases.find((one) => one.name === name);
}

/** The package's entry for a side, by threads, or nothing where it was not measured. */
export function findOurs({ kernels }, { entries }, threads) {
  return entries.find(
    (entry) => entry.group === "ours" && entry.kernels === kernels && entry.threads === threads,
  );
}

/** The other runtimes of the comparison, as they are called there. */
export const peerNames = ["onnxruntime-node", "onnxruntime-web", "tfjs-wasm", "tfjs-cpu"];

/** The package's entry in a comparison: with a float32 cache, where there is one. */
export function findPackage({ entries }, threads) {
  return entries.find(
    (entry) =>
      entry.group === "ours" && entry.threads === threads && (entry.cache ?? "float32") === "float32",
  );
}

/** A peer's entry, or nothing where it had no right result or not so many threads. */
export function findPeer({ entries }, peer, threads) {
  return entries.find(
    (entry) => entry.group === "peer" && entry.threads === threads && entry.name.split(",")[0] === peer,
  );
}

/** The package's entry on one thread of every Node version and kernel set that there are figures of. */
export function listVersions(versions, name) {
  return versions.flatMap(({ major, usual, wide }) =>
    kernelSets.flatMap((kernels) => {
      const work = findCase({ result: (kernels === "wide" ? wide : usual) ?? { cases: [] } }, name);
      const entry = work && findOurs({ kernels }, work, 1);
      return entry ? [{ major, kernels, work, entry }] : [];
    }),
  );
}

/** The entry of a JavaScript baseline. */
export function findBaseline({ entries }, group) {
  return entries.find((entry) => entry.group === group);
}

/** The kernel sets in the order in which they are shown. */
export const kernelSets = ["strict", "relaxed", "wide"];

export function describeMachine({ cpu, cores, memoryGiB, platform }) {
  return `${cpu}, ${cores} cores, ${Math.round(memoryGiB)} GiB, ${platform}`;
}

const titles = {
  "bert-base": "BERT-base",
  minilm: "MiniLM",
  "gpt2-causal": "GPT-2",
  "vit-b16": "ViT-B/16",
  "llama3-8b-causal": "Llama 3 8B, prompt",
  "llama3-8b-decode": "Llama 3 8B, one token",
  "whisper-cross": "Whisper small, one token",
  "one-head": "One sentence",
  "llama3-8b-step-512": "Llama 3 8B, step",
  "llama3-8b-step-4096": "Llama 3 8B, step",
  "llama3-8b-step-16384": "Llama 3 8B, step",
  "bert-layer": "BERT-base layer",
  "bert-projection": "BERT-base projection",
  "bert-feed-forward": "BERT-base feed-forward",
  "minilm-projection": "MiniLM projection",
  "gpt2-one-row": "GPT-2 feed-forward, one token",
  "bert-scores": "BERT-base scores",
  "gpt2-logits": "GPT-2 logits",
};

/** A case's name for readers. */
export function titleOf({ name }) {
  return titles[name] ?? name;
}

/** The digest that a chart carries, or nothing. */
export function readDigest(svg) {
  return / data-figures="(\w+)"/.exec(svg)?.[1];
}

/** A case's size in words: `12 heads of 64, 512 tokens`. */
export function describeSize({ kind, size }) {
  if (kind === "attention") return describeAttention(size);
  if (kind === "decode")
    return describeAttention(size).replace("1 query", "1 token").replace("keys", "cached");
  if (kind === "layer") return size.replace(/^L(\d+) E(\d+) H(\d+)$/, "$1 tokens of $2, $3 heads");
  const [first, second, third] = size.split(" x ");
  if (kind === "softmax") return `${first} ${first === "1" ? "row" : "rows"} of ${second}`;
  return `[${first}, ${second}] × [${second}, ${third}]`;
}

/** `B1 H32/8 L1 S4096 E128 causal`: shape letters as everywhere in the project. */
function describeAttention(size) {
  const [, B, H, K, L, S, E, more] = /^B(\d+) H(\d+)(?:\/(\d+))? L(\d+) S(\d+) E(\d+)(.*)$/.exec(size);
  const heads = `${K ? `${H}/${K}` : H} ${H === "1" ? "head" : "heads"} of ${E}`;
  const lengths = L === S ? `${L} tokens` : `${L} ${L === "1" ? "query" : "queries"}, ${S} keys`;
  return `${B === "1" ? "" : `${B} × `}${heads}, ${lengths}${more.replace(/^ /, ", ")}`;
}

/** Three significant digits, as many as noise leaves meaning to. */
export function formatNumber(x) {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x))));
  return x.toFixed(Math.min(digits, 4));
}

/** How many times faster: `4.8`, `12.3`, `31`. */
export function formatTimes(x) {
  return x.toFixed(x < 19.95 ? 1 : 0);
}

/** A duration in the unit that suits it. */
export function formatTime(milliseconds) {
  if (milliseconds < 0.1) return `${formatNumber(milliseconds * 1000)} µs`;
  if (milliseconds >= 999.5) return `${formatNumber(milliseconds / 1000)} s`;
  return `${formatNumber(milliseconds)} ms`;
}
