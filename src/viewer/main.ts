// The script of a page that toHtml writes.
import { followAddress, placeInAddress } from "./address.ts";
import { announcements } from "./announce.ts";
import { button, exactness, help, legend, scaleChoice, themeChoice } from "./controls.ts";
import { make } from "./dom.ts";
import { headGrid } from "./grid.ts";
import { HeatMap } from "./heat-map.ts";
import { Model } from "./model.ts";
import { figure, weightText } from "./numbers.ts";
import { plots } from "./plots.ts";
import { readout } from "./readout.ts";
import { Store } from "./store.ts";
import { TokenView } from "./tokens.ts";

const model = new Model();

/** So many layers at most have their heads across the whole page. */
const shallow = 2;

async function start(): Promise<void> {
  const { layer, head, row, key } = placeInAddress(model);
  const store = new Store({
    opened: await model.open(layer, head),
    cell: { row, key },
    hover: undefined,
    scale: "log",
    theme: "system",
    gridPicture: "weights",
  });
  const open = opener(store);
  const keys = help();
  const { L, S, layers } = model.data;
  const heads = layers.reduce((sum, { heads }) => sum + heads.length, 0);
  const counts = [
    count(layers.length, "layer"),
    count(heads, "head"),
    ...(L === S ? [count(L, "token")] : [count(L, "query", "queries"), count(S, "key")]),
  ];
  document
    .querySelector("header")!
    .append(
      make(
        "div",
        { class: "bar" },
        make("p", { class: "counts" }, counts.join(" · ")),
        themeChoice(store),
        keys.button,
      ),
    );
  const main = document.getElementById("viewer")!;
  main.classList.toggle("shallow", layers.length <= shallow);
  main.append(
    await headGrid(model, store, open),
    headSection(store, (by) => open(...neighbour(store, by))),
    readout(model, store),
    new TokenView(model, store).element,
    plots(model, store, open),
    announcements(model, store),
    keys.dialog,
  );
  followAddress(store, () => {
    const place = placeInAddress(model);
    store.set({ cell: { row: place.row, key: place.key } });
    open(place.layer, place.head);
  });
  document.documentElement.dataset.ready = "true";
}

/** Opens heads, the last one asked for, however long others take. */
function opener(store: Store): (layer: number, head: number) => void {
  let asked = "";
  return (layer, head) => {
    const place = `${layer} ${head}`;
    asked = place;
    const { opened } = store.state;
    if (opened.layer === layer && opened.head === head) return;
    model.open(layer, head).then((opened) => {
      if (asked === place) store.set({ opened });
    }, fail);
  };
}

/** The head so many further, in reading order. */
function neighbour(store: Store, by: number): [layer: number, head: number] {
  const all = model.data.layers.flatMap(({ heads }, layer) =>
    heads.map((_, head): [number, number] => [layer, head]),
  );
  const { opened } = store.state;
  const now = all.findIndex(([layer, head]) => layer === opened.layer && head === opened.head);
  return all[(now + by + all.length) % all.length]!;
}

/** The open head: its figures, its map, and what belongs to it. */
function headSection(store: Store, step: (by: number) => void): HTMLElement {
  const title = make("h2", { id: "head-title" });
  const facts = make("p", { class: "facts" });
  store.on(["opened"], () => {
    const { opened } = store.state;
    const { entropy, meanDistance, largest } = opened.facts;
    title.textContent = `${model.layerName(opened.layer)}, head ${opened.head}`;
    facts.textContent = `mean entropy ${figure(entropy)} nats · mean distance ${figure(meanDistance)} · largest weight ${weightText(largest)}`;
  });
  const map = new HeatMap(model, store, step);
  const { zoom, reset } = map.actions;
  const tools = make(
    "div",
    { class: "tools" },
    button("−", "Further", () => zoom(1 / 1.5)),
    button("+", "Closer", () => zoom(1.5)),
    button("All", "All of the map", reset),
  );
  return make(
    "section",
    { id: "head", "aria-labelledby": "head-title" },
    make("div", { class: "bar" }, title, scaleChoice(store), tools),
    facts,
    legend(store),
    make("div", { class: "map" }, map.element),
    make(
      "p",
      { id: "heat-map-keys", class: "hint" },
      "Rows are queries, columns keys. Arrow keys go from cell to cell, + and − zoom, [ and ] change the head; a click and the wheel do, too. By touch: tap a cell, zoom with two fingers.",
    ),
    exactness(model, store),
  );
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function fail(error: unknown): void {
  const text = `This page cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
  document.getElementById("viewer")!.prepend(make("p", { role: "alert" }, text));
}

start().catch(fail);
