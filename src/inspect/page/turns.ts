import { nextTurn } from "../../engine/platform.ts";

/** Milliseconds after which others get their turn: what a worker's steps take. Garbage collection comes on top. */
const slice = 1;

/** Lets the event loop turn now and then, and ends on an abort. */
export class Turns {
  readonly #signal: AbortSignal | undefined;
  #begun: number = performance.now();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** To be awaited between pieces of work of less than a millisecond, where it is not `undefined`. */
  due(): Promise<void> | undefined {
    return performance.now() - this.#begun < slice ? undefined : this.#turn();
  }

  /** Ends on an abort, here and now. */
  check(): void {
    this.#signal?.throwIfAborted();
  }

  async #turn(): Promise<void> {
    await nextTurn();
    this.check();
    this.#begun = performance.now();
  }
}
