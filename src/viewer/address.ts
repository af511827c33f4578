// Which head and cell are shown, in the page's address behind #, so that a view can be linked.
import type { Model } from "./model.ts";
import type { Cell, Store } from "./store.ts";

export interface Place extends Cell {
  readonly layer: number;
  readonly head: number;
}

/** What the address asks for, or the first of all. */
export function placeInAddress(model: Model): Place {
  const asked = new URLSearchParams(location.hash.slice(1));
  const { layers, L, S } = model.data;
  const whole = (name: string, count: number): number => {
    const n = Number(asked.get(name));
    return Number.isInteger(n) && n >= 0 && n < count ? n : 0;
  };
  const layer = whole("layer", layers.length);
  const head = whole("head", layers[layer]!.heads.length);
  return { layer, head, row: whole("query", L), key: whole("key", S) };
}

/** Keeps the address up to date; calls back when somebody else changes it. */
export function followAddress(store: Store, go: () => void): void {
  store.on(["opened", "cell"], () => {
    const { opened, cell } = store.state;
    const hash = `#layer=${opened.layer}&head=${opened.head}&query=${cell.row}&key=${cell.key}`;
    if (hash === location.hash) return;
    try {
      history.replaceState(null, "", hash);
    } catch {
      // A page that has no address of its own, srcdoc say, stays as it is.
    }
  });
  addEventListener("hashchange", go);
}
