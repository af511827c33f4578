// Instances of checked kernels: before each tile the shadow is made to show what its stage may touch.

const PAGE = 65536;
const READ = 1;
const READ_AND_WRITE = 3;

/**
 * What a thread needs to check its kernels.
 *
 * @typedef {object} Checks
 * @property {WebAssembly.Module} guard
 * @property {readonly (readonly [number, number])[]} constants
 * @property {(memory: WebAssembly.Memory) => import("./regions.mjs").Regions} regionsOf
 * @property {(message: string) => void} report called for each fault, before it is thrown
 */

/** Has `WebAssembly.Instance` check kernels that were made by instrument.mjs; others are as ever. */
export function checkInstances(/** @type {Checks} */ checks) {
  const Plain = WebAssembly.Instance;
  const Checked = function Instance(module, imports) {
    const isChecked = WebAssembly.Module.imports(module).some(({ module: from }) => from === "guard");
    if (!isChecked) return new Plain(module, imports);
    const guard = new Guard(checks, imports.env.memory, Plain);
    const { exports } = new Plain(module, { ...imports, guard: guard.functions });
    return { exports: guard.wrap(exports) };
  };
  WebAssembly.Instance = /** @type {any} */ (Checked);
}

class Guard {
  #checks;
  #memory;
  #regions;
  #shadow;
  functions;
  /** @type {import("./regions.mjs").Region[]} */
  #shown = [];
  #serial = 0;
  #scratch = 0;
  #kernel = "";

  constructor(/** @type {Checks} */ checks, /** @type {WebAssembly.Memory} */ memory, Instance) {
    this.#checks = checks;
    this.#memory = memory;
    this.#regions = checks.regionsOf(memory);
    const fault = (address, bytes, access) => this.#fault(address >>> 0, bytes, access);
    this.functions = new Instance(checks.guard, { host: { fault } }).exports;
    this.#shadow = this.functions.shadow;
    this.#show(checks.constants.map(([start, end]) => ({ name: "constants", start, end, writable: false })));
    this.#shown = [];
  }

  /** The kernels as an executor calls them: (parameters, tile, scratch, step). */
  wrap(/** @type {WebAssembly.Exports} */ exports) {
    return Object.fromEntries(
      Object.entries(exports).map(([name, kernel]) => [
        name,
        (parameters, tile, scratch, step) => {
          this.#enter(name, parameters >>> 0, scratch >>> 0);
          try {
            /** @type {Function} */ (kernel)(parameters, tile, scratch, step);
          } catch (error) {
            if (error instanceof WebAssembly.RuntimeError) this.#report(`tile ${tile}: ${error.message}`);
            throw error;
          }
        },
      ]),
    );
  }

  #enter(kernel, parameters, scratch) {
    const serial = this.#regions.serialOf(parameters);
    if (serial === this.#serial && scratch === this.#scratch) return;
    this.#hide();
    const regions = this.#regions.get(parameters);
    // How long scratch is, the plan says; where it lies depends on the thread.
    const own = regions.map((region) =>
      region.name === "scratch" ? { ...region, start: scratch, end: scratch + region.end } : region,
    );
    this.#show(own);
    this.#serial = serial;
    this.#scratch = scratch;
    this.#kernel = kernel;
  }

  #hide() {
    const bytes = new Uint8Array(this.#shadow.buffer);
    for (const { start, end } of this.#shown) bytes.fill(0, start, end);
  }

  /** Where regions overlap, as a result that overwrites its input does, what one may write may be written. */
  #show(/** @type {import("./regions.mjs").Region[]} */ regions) {
    const missing = (this.#memory.buffer.byteLength - this.#shadow.buffer.byteLength) / PAGE;
    if (missing > 0) this.#shadow.grow(missing);
    const bytes = new Uint8Array(this.#shadow.buffer);
    for (const { start, end } of regions) bytes.fill(READ, start, end);
    for (const { start, end, writable } of regions) if (writable) bytes.fill(READ_AND_WRITE, start, end);
    this.#shown = regions;
  }

  #fault(address, bytes, access) {
    const what = `${access === READ ? "reads" : "writes"} ${bytes} bytes at ${address}`;
    const near = this.#shown
      .map((region) => ({
        region,
        distance: Math.max(region.start - address, address + bytes - region.end, 0),
      }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, 3)
      .map(
        ({ region: { name, start, end, writable }, distance }) =>
          `${distance} outside ${name}, ${start} to ${end}${writable ? "" : ", which is read only"}`,
      );
    const message = this.#report(`${what}: ${near.join("; ")}`);
    throw new RangeError(message);
  }

  #report(what) {
    const message = `kernel ${this.#kernel}: ${what}`;
    this.#checks.report(message);
    return message;
  }
}
