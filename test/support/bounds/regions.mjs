// What each stage of the programs in flight may touch, by the address of its parameter record. It lies in shared memory:
// workers look stages up that the main thread has bound.

const ENTRIES = 2 ** 14;
const ENTRY_WORDS = 2;
const SERIAL = ENTRIES * ENTRY_WORDS;
const FIRST = SERIAL + 1;
const WORDS = 2 ** 22;

/**
 * @typedef {object} Region
 * @property {string} name the field of the parameters that leads to it
 * @property {number} start
 * @property {number} end
 * @property {boolean} writable
 */

export class Regions {
  #words;
  #next = FIRST;

  /** @param {SharedArrayBuffer} [buffer] of the thread that binds programs */
  constructor(buffer = new SharedArrayBuffer(WORDS * 4)) {
    this.#words = new Int32Array(buffer);
  }

  get buffer() {
    return this.#words.buffer;
  }

  /** Says what the stage with this record may touch, in place of what was said of an earlier one. */
  put(/** @type {number} */ record, /** @type {readonly Region[]} */ regions) {
    const words = this.#words;
    const needed = 3 + regions.reduce((sum, { name }) => sum + 4 + name.length, 0);
    if (needed > WORDS / 2) throw new Error("a stage has more regions than there is room for");
    if (this.#next + needed > WORDS) this.#next = FIRST;
    const entry = this.#entryOf(record);
    words[entry] = record;
    words[entry + 1] = this.#next;
    let at = this.#next;
    words[at++] = record;
    words[at++] = ++words[SERIAL];
    words[at++] = regions.length;
    for (const { name, start, end, writable } of regions) {
      words.set([start, end, Number(writable), name.length], at);
      at += 4;
      for (let i = 0; i < name.length; i++) words[at++] = name.charCodeAt(i);
    }
    this.#next = at;
  }

  /** A number that is another one each time something is said of a record. */
  serialOf(/** @type {number} */ record) {
    return this.#words[this.#placeOf(record) + 1];
  }

  /** @returns {Region[]} */
  get(/** @type {number} */ record) {
    const words = this.#words;
    let at = this.#placeOf(record) + 2;
    return Array.from({ length: words[at++] }, () => {
      const [start, end, writable, length] = words.subarray(at, at + 4);
      const name = String.fromCharCode(...words.subarray(at + 4, at + 4 + length));
      at += 4 + length;
      return { name, start: start >>> 0, end: end >>> 0, writable: writable !== 0 };
    });
  }

  #placeOf(record) {
    const words = this.#words;
    const place = words[this.#entryOf(record) + 1];
    if (place === 0 || words[place] !== (record | 0))
      throw new Error(`a kernel was called with parameters at ${record}, which no plan has written`);
    return place;
  }

  #entryOf(record) {
    const words = this.#words;
    const hash = Math.imul(record >>> 2, 0x9e3779b1) >>> 18;
    for (let i = 0; i < ENTRIES; i++) {
      const entry = ((hash + i) % ENTRIES) * ENTRY_WORDS;
      if (words[entry] === (record | 0) || words[entry + 1] === 0) return entry;
    }
    throw new Error("more records than there is room for");
  }
}
