// Calls that wait for their turn, in the order they came. The first of them goes as soon as there is room for it; nobody
// overtakes, so that a large call is not passed by for ever by small ones.

import { AttentionError } from "../errors.ts";

/** Gives a call its place, or nothing while there is none; throws where there never will be. */
type Seat<P> = () => P | undefined;

interface Waiting<P> {
  readonly seat: Seat<P>;
  readonly resolve: (place: P) => void;
  readonly reject: (error: unknown) => void;
}

export class Line<P> {
  readonly #limit: number;
  readonly #waiting: Waiting<P>[] = [];

  /** @param limit how many may wait */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** @throws AttentionError `ERR_QUEUE_FULL` */
  checkRoom(): void {
    if (this.length >= this.#limit)
      throw new AttentionError(
        "ERR_QUEUE_FULL",
        `${this.length} calls wait for a place or for memory already, as many as "queueLimit" allows`,
      );
  }

  /** Waits for a place; an abort leaves the line, and lets those behind try. */
  wait(seat: Seat<P>, signal: AbortSignal | undefined): Promise<P> {
    return new Promise((resolve, reject) => {
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T): void => {
          signal?.removeEventListener("abort", leave);
          settle(value);
        };
      };
      const waiting: Waiting<P> = { seat, resolve: settled(resolve), reject: settled(reject) };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.reject(signal!.reason);
        this.advance();
      };
      signal?.addEventListener("abort", leave);
      this.#waiting.push(waiting);
    });
  }

  /** Lets those in front go for whom there is a place now. */
  advance(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      try {
        const place = first.seat();
        if (place === undefined) return;
        first.resolve(place);
      } catch (error) {
        first.reject(error);
      }
      this.#waiting.shift();
    }
  }
}
