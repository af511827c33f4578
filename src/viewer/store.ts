// What is looked at. Views listen to the parts that concern them.
import type { Head } from "./model.ts";

export interface Cell {
  readonly row: number;
  readonly key: number;
}

/** Colours by the weight itself, its logarithm, or its share of the row's largest. */
export type ColourScale = "log" | "linear" | "row";
export type Theme = "system" | "light" | "dark";
export type GridPicture = "weights" | "entropy" | "distance";

export interface State {
  readonly opened: Head;
  /** The cell that was chosen. */
  readonly cell: Cell;
  /** The cell, or row, that the pointer is over. */
  readonly hover: { readonly row: number; readonly key?: number } | undefined;
  readonly scale: ColourScale;
  readonly theme: Theme;
  readonly gridPicture: GridPicture;
}

export class Store {
  #state: State;
  readonly #listeners: { readonly parts: readonly (keyof State)[]; readonly call: () => void }[] = [];

  constructor(state: State) {
    this.#state = state;
  }

  get state(): State {
    return this.#state;
  }

  /** The row that is shown: the one under the pointer, else the chosen one. */
  get row(): number {
    return this.#state.hover?.row ?? this.#state.cell.row;
  }

  /** The cell that is shown. */
  get shown(): Cell {
    const { hover, cell } = this.#state;
    return { row: hover?.row ?? cell.row, key: hover?.key ?? cell.key };
  }

  set(change: Partial<State>): void {
    const parts = Object.keys(change) as (keyof State)[];
    const changed = parts.filter((part) => change[part] !== this.#state[part]);
    if (changed.length === 0) return;
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners)
      if (listener.parts.some((part) => changed.includes(part))) listener.call();
  }

  /** Calls back when one of these parts changes, and at once. */
  on(parts: readonly (keyof State)[], call: () => void): void {
    this.#listeners.push({ parts, call });
    call();
  }
}
