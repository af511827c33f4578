// What the keyboard does in the heat map: one list, from which the page's help is made.
import type { Cell } from "./store.ts";

export interface MapActions {
  readonly move: (rows: number, keys: number) => void;
  readonly choose: (cell: Partial<Cell>) => void;
  /** To the row's largest weight. */
  readonly strongest: () => void;
  readonly zoom: (factor: number) => void;
  readonly reset: () => void;
  /** To the next head, or the one before. */
  readonly step: (by: number) => void;
}

/** What the help says, with the keys as they are written there. */
export const keyHelp: readonly (readonly [string, string])[] = [
  ["Tab", "from the heads to the heat map, the tokens and the controls"],
  [
    "← → ↑ ↓",
    "in the heads: another head; in the heat map: another cell, with Shift ten further; in the tokens: another token",
  ],
  ["Home, End", "first and last head of a layer; first and last key of a row, with Ctrl first and last row"],
  ["Page Up, Page Down", "in the heat map: ten rows up or down"],
  ["M", "in the heat map: the row's largest weight"],
  ["+, −", "in the heat map: closer and further"],
  ["[ and ]", "in the heat map: the head before and the next"],
  ["0 or Escape", "in the heat map: all of it again"],
  ["?", "this list"],
  ["wheel, drag", "in the heat map, once it was clicked: closer and further, and along"],
  ["tap, two fingers", "in the heat map: a cell; closer and further, and along"],
];

const few = 10;

export function listenToKeys(element: HTMLElement, actions: MapActions): void {
  element.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey) return;
    const act = actionOf(event, actions);
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}

function actionOf({ key, shiftKey, ctrlKey }: KeyboardEvent, actions: MapActions): (() => void) | undefined {
  const { move, choose, strongest, zoom, reset, step } = actions;
  const by = shiftKey ? few : 1;
  const far = Number.MAX_SAFE_INTEGER;
  if (ctrlKey) {
    if (key === "Home") return () => choose({ row: 0 });
    return key === "End" ? () => choose({ row: far }) : undefined;
  }
  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => move(0, -by),
    ArrowRight: () => move(0, by),
    ArrowUp: () => move(-by, 0),
    ArrowDown: () => move(by, 0),
    PageUp: () => move(-few, 0),
    PageDown: () => move(few, 0),
    Home: () => choose({ key: 0 }),
    End: () => choose({ key: far }),
    m: strongest,
    M: strongest,
    "+": () => zoom(1.5),
    "=": () => zoom(1.5),
    "-": () => zoom(1 / 1.5),
    "0": reset,
    Escape: reset,
    "[": () => step(-1),
    "]": () => step(1),
  };
  return keys[key];
}
