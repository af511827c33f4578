// Stands in the bundle for d3-transition and d3-interpolate, with which d3-zoom animates. The page moves at once, as those want
// who ask their system for less motion, and its script is a third smaller for it.
import { selection } from "d3-selection";

function none<T>(this: T): T {
  return this;
}

// d3-zoom asks that running transitions be interrupted: there are none.
Object.assign(selection.prototype, { interrupt: none });

export function interrupt(): void {}

/** The way between two views, along which a transition would go. */
export function interpolateZoom(): never {
  throw new Error("nothing is animated here");
}
