// Imported before anything makes an engine, this has every kernel of the process checked, workers' too: what a tile reads
// and writes must lie in what the plan gave its stage, to the byte. Nothing of it is in the package: it replaces the
// kernels' bytes in the built modules, and listens to how programs are put together and bound.
//
//   CHECK_KERNELS=wide   the wide kernels stand in for the relaxed ones; else they run only where V8 widens them
import { createRequire } from "node:module";
import { kernelCodes, kernelPieces, kernelSizes } from "../../../build/modules/engine/generated/kernels.js";
import { parameterWords, parameterWriters } from "../../../build/modules/engine/generated/parameters.js";
import { decode } from "../../../build/modules/engine/kernel-text.js";
import { LinearMemory } from "../../../build/modules/engine/linear-memory.js";
import { Program } from "../../../build/modules/engine/program.js";
import { Runtime } from "../../../build/modules/engine/runtime.js";
import { Engine } from "../../../build/modules/engine.js";
import { encode } from "../../../scripts/kernel-text.mjs";
import { checkInstances } from "./checked-instance.mjs";
import { guardModule } from "./guard-module.mjs";
import { constantsOf, instrument } from "./instrument.mjs";
import { Regions } from "./regions.mjs";

const count = new Int32Array(new SharedArrayBuffer(4));

/** Faults so far, on all threads. */
export const faults = () => Atomics.load(count, 0);

/** What a test keeps back of the end of an operand, in bytes, to see that the checks notice. */
export const withheld = { kernel: "", field: "", bytes: 0 };

/** The operands that stages have had since a test emptied this, as kernel and field. */
export const operandsSeen = new Set();

/**
 * An engine of any kernel set, also of the wide one, whose trial checked kernels would not pass: they are slow.
 *
 * @returns {import("wasm-attention").Engine}
 */
export function checkedEngine(/** @type {import("wasm-attention").EngineOptions} */ options) {
  return /** @type {any} */ (
    new Engine(new Runtime(options, () => ({ usable: true, reason: "they are checked" })))
  );
}

/** @type {[number, number][]} */
const constants = [];
replaceKernels();

/**
 * What is known of a memory: what stages may touch, and how long the blocks are that were handed out.
 *
 * @type {WeakMap<WebAssembly.Memory, { regions: Regions, blocks: Map<number, number> }>}
 */
const memories = new WeakMap();
/** The memory that handed out a block last: a program is bound right after its block was made. */
let latest = knownOf(/** @type {any} */ ({}));
const guard = guardModule();
const report = (message) => {
  Atomics.add(count, 0, 1);
  console.error(message);
};
checkInstances({ guard, constants, regionsOf: (memory) => knownOf(memory).regions, report });
listenToMemory();
listenToWriters(listenToStages());
checkWorkers();

/** Puts checked kernels in the place of those that the package has, in one piece. */
function replaceKernels() {
  const bytesOf = (set) =>
    decode(
      kernelPieces.map((piece) => piece[set]),
      kernelCodes,
    );
  const sets = { strict: bytesOf("strict"), relaxed: bytesOf("relaxed"), wide: bytesOf("wide") };
  if (process.env.CHECK_KERNELS === "wide") {
    sets.relaxed = sets.wide;
    kernelSizes.relaxed = kernelSizes.wide;
  }
  const checked = Object.entries(sets).map(([set, bytes]) => {
    constants.push(...constantsOf(bytes));
    return [set, encode(instrument(bytes), kernelCodes)];
  });
  kernelPieces.splice(0, kernelPieces.length, Object.fromEntries(checked));
}

function knownOf(/** @type {WebAssembly.Memory} */ memory) {
  let known = memories.get(memory);
  if (known === undefined) memories.set(memory, (known = { regions: new Regions(), blocks: new Map() }));
  return known;
}

/** A page is known by its address alone: how long it is, its allocation says. */
function listenToMemory() {
  const { allocate } = LinearMemory.prototype;
  LinearMemory.prototype.allocate = function (bytes, purpose) {
    const address = allocate.call(this, bytes, purpose);
    latest = knownOf(this.memory);
    latest.blocks.set(address, bytes);
    return address;
  };
}

/** Programs, and the scratch of a stage, by the stage's parameters. */
function listenToStages() {
  const stages = new WeakMap();
  const { stage } = Program.prototype;
  Program.prototype.stage = function (kernel, parameters, cut) {
    stages.set(parameters, { program: this, scratch: cut.scratch ?? 0 });
    stage.call(this, kernel, parameters, cut);
  };
  return stages;
}

/** When the record of a stage is written, it is known where its operands lie. */
function listenToWriters(stages) {
  for (const [kernel, write] of Object.entries(parameterWriters)) {
    parameterWriters[kernel] = (parameters, u32, f32, at, addresses) => {
      const { program, scratch } = stages.get(parameters);
      /** @type {[string, number][]} */
      const used = [];
      let field = "";
      const fields = new Proxy(parameters, { get: (target, name) => target[(field = String(name))] });
      const operands = new Proxy(addresses, {
        get: (target, i) => {
          used.push([field, Number(i)]);
          return target[i];
        },
      });
      write(fields, u32, f32, at, operands);
      const regions = used.flatMap(([name, i]) => regionsOfOperand(name, i, program, addresses, kernel));
      for (const { name } of regions) operandsSeen.add(`${kernel} ${name}`);
      const record = {
        name: "parameters",
        start: at * 4,
        end: (at + parameterWords[kernel]) * 4,
        writable: false,
      };
      regions.push(record, { name: "scratch", start: 0, end: scratch, writable: true });
      if (withheld.kernel === kernel)
        for (const region of regions) if (region.name === withheld.field) region.end -= withheld.bytes;
      latest.regions.put(record.start, regions);
    };
  }
}

/** @returns {import("./regions.mjs").Region[]} */
function regionsOfOperand(name, i, program, addresses, kernel) {
  const { base, bytes, source, table } = program.operands[i];
  if (base !== undefined) return regionsOfOperand(name, base, program, addresses, kernel);
  const start = addresses[i];
  const writable = source === undefined && table === undefined;
  const own = { name, start, end: start + bytes, writable };
  if (table !== undefined)
    return [own, ...table.flatMap((of) => regionsOfOperand(`${name}[]`, of, program, addresses, kernel))];
  if (name !== "pages" && name !== "copies") return [own];
  // A table of a cache's pages, which lie in blocks of their own. Only those that are appended to are written.
  const isTarget = kernel === "append" && name === "pages";
  const pages = [...new Set(source)].filter((page) => page !== 0);
  return [
    own,
    ...pages.map((page) => ({
      name: `${name}[]`,
      start: page,
      end: page + latest.blocks.get(page),
      writable: isTarget,
    })),
  ];
}

/** Workers of a pool check, too. */
function checkWorkers() {
  const threads = createRequire(import.meta.url)("node:worker_threads");
  const checkedWorker = new URL("./checked-worker.mjs", import.meta.url);
  threads.Worker = class extends threads.Worker {
    constructor(file, options) {
      const ofPool = file instanceof URL && file.href.endsWith("/engine/attention-worker.js");
      if (!ofPool) super(file, options);
      else {
        const { buffer } = knownOf(options.workerData.memory).regions;
        const checks = { worker: file.href, guard, constants, count, regions: buffer };
        super(checkedWorker, { ...options, workerData: { ...options.workerData, checks } });
      }
    }
  };
}
