// Stands in the bundle for d3-transition, of which d3-zoom asks that running transitions be interrupted. The page has none: it
// moves at once, as those want who ask their system for less motion, and is a quarter smaller for it.
import { selection } from "d3-selection";

function none<T>(this: T): T {
  return this;
}

// A call, which the bundler keeps; it drops assignments to prototypes, by which D3 extends classes that nobody uses.
Object.assign(selection.prototype, { interrupt: none });

export function interrupt(): void {}
