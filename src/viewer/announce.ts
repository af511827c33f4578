// What a screen reader is told of its own accord: which head was opened, which cell was chosen. Not what the pointer passes.
import { make } from "./dom.ts";
import { describe } from "./grid.ts";
import type { Model } from "./model.ts";
import { weightText } from "./numbers.ts";
import type { Store } from "./store.ts";

export function announcements(model: Model, store: Store): HTMLElement {
  const live = make("div", { id: "announcements", class: "unseen", role: "status", "aria-live": "polite" });
  store.on(["opened"], () => {
    live.textContent = describe(model, store.state.opened);
  });
  store.on(["cell"], () => {
    const { opened, cell } = store.state;
    const { value } = opened.weight(cell.row, cell.key);
    live.textContent = `${model.queries.full(cell.row)} looks at ${model.keys.full(cell.key)}: ${weightText(value)}`;
  });
  return live;
}
