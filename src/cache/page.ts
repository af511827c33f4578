import type { LinearMemory } from "../engine/linear-memory.ts";

/** A page of linear memory, and who holds it how often: several entries, of several caches, where they share tokens. */
export class Page {
  readonly address: number;
  readonly #memory: LinearMemory;
  /** In the order in which they came to hold it: the first is the cache that made it, as long as it holds it. */
  readonly #holders: Map<object, number> = new Map();
  /** Tokens written so far, those included that are on their way. */
  filled = 0;

  /** @throws AttentionError `ERR_MEMORY` */
  constructor(memory: LinearMemory, bytes: number, holder: object) {
    this.address = memory.allocate(bytes, "a page of a key/value cache");
    this.#memory = memory;
    this.hold(holder);
  }

  /** Whose `byteLength` it counts to. */
  get owner(): object | undefined {
    return this.#holders.keys().next().value;
  }

  /** How many entries hold it. */
  get holds(): number {
    let holds = 0;
    for (const times of this.#holders.values()) holds += times;
    return holds;
  }

  /** Whether a call in flight reads it. */
  get inUse(): boolean {
    return this.#memory.isPinned(this.address);
  }

  hold(holder: object): void {
    this.#holders.set(holder, (this.#holders.get(holder) ?? 0) + 1);
  }

  /** Lets go of it once; who was last gives the memory back. */
  release(holder: object): void {
    const times = this.#holders.get(holder)! - 1;
    if (times > 0) this.#holders.set(holder, times);
    else this.#holders.delete(holder);
    if (this.#holders.size === 0) this.#memory.free(this.address);
  }
}
