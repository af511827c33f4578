// Every head of every layer, small: a row for each layer. Arrow keys go from head to head and open them.
import { cssColour, isDark, onSystemTheme, type Palette, palette } from "./colours.ts";
import { choice, make } from "./dom.ts";
import type { Model } from "./model.ts";
import { figure } from "./numbers.ts";
import type { GridPicture, Store } from "./store.ts";

type Open = (layer: number, head: number) => void;

interface Place {
  readonly layer: number;
  readonly head: number;
}

/** The section with the grid. */
export async function headGrid(model: Model, store: Store, open: Open): Promise<HTMLElement> {
  const { layers, thumbnail } = model.data;
  const pictures = await model.thumbnails();
  const cells = new Map<string, HTMLTableCellElement>();
  const cellAt = ({ layer, head }: Place) => cells.get(`${layer} ${head}`);
  const size = thumbnail.rows * thumbnail.columns;
  const below = make("p", { class: "hint", id: "grid-facts" });
  let first = 0;
  const rows = layers.map(({ name, heads }, layer) => {
    const row = make("tr", { role: "row" });
    const title = model.layerName(layer);
    row.append(
      make("th", { scope: "row", role: "rowheader", title }, make("bdi", {}, name ?? String(layer))),
    );
    for (const head of heads.keys()) {
      const canvas = make("canvas", { width: thumbnail.columns, height: thumbnail.rows });
      const label = describe(model, { layer, head });
      const cell = make("td", { role: "gridcell", tabindex: -1, "aria-label": label }, canvas);
      cell.addEventListener("click", () => open(layer, head));
      cell.addEventListener("pointerenter", () => {
        below.textContent = label;
      });
      cells.set(`${layer} ${head}`, cell);
      row.append(cell);
    }
    return row;
  });
  const starts = layers.map(({ heads }) => (first += heads.length) - heads.length);
  const most = Math.max(...layers.map(({ heads }) => heads.length));
  const numbers = Array.from({ length: most }, (_, head) =>
    make("th", { scope: "col", role: "columnheader" }, String(head)),
  );
  const corner = make("th", { role: "columnheader", scope: "col", class: "corner" }, "layer");
  const head = make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, corner, ...numbers));
  const body = make("tbody", { role: "rowgroup" }, ...rows);
  const table = make("table", { role: "grid", "aria-label": "Heads", "aria-readonly": true }, head, body);
  table.style.setProperty("--heads", String(most));

  const paint = (): void => {
    const { gridPicture, theme } = store.state;
    const colours = palette(isDark(theme));
    const shareOf = shares(model, gridPicture);
    for (const [layer, { heads }] of layers.entries())
      for (const head of heads.keys()) {
        const picture = pictures.subarray((starts[layer]! + head) * size, (starts[layer]! + head + 1) * size);
        const canvas = cellAt({ layer, head })!.querySelector("canvas")!;
        drawHead(canvas, picture, colours, shareOf?.(layer, head));
      }
  };
  store.on(["gridPicture", "theme"], paint);
  onSystemTheme(paint);
  store.on(["opened"], () => {
    for (const cell of cells.values()) {
      cell.tabIndex = -1;
      cell.setAttribute("aria-selected", "false");
    }
    const cell = cellAt(store.state.opened)!;
    cell.tabIndex = 0;
    cell.setAttribute("aria-selected", "true");
    below.textContent = describe(model, store.state.opened);
  });
  table.addEventListener("pointerleave", () => {
    below.textContent = describe(model, store.state.opened);
  });
  table.addEventListener("keydown", (event) => {
    const next = neighbour(model, store.state.opened, event.key);
    if (next === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open(next.layer, next.head);
    cellAt(next)!.focus();
  });
  const pick = choice<GridPicture>(
    "Show",
    { weights: "weights", entropy: "mean entropy", distance: "mean distance" },
    store.state.gridPicture,
    (gridPicture) => store.set({ gridPicture }),
  );
  return make(
    "section",
    { id: "heads", "aria-labelledby": "heads-title" },
    make("div", { class: "bar" }, make("h2", { id: "heads-title" }, "Heads"), pick),
    make("div", { class: "scroll" }, table),
    below,
  );
}

/** What a head is called, and its figures. */
export function describe(model: Model, { layer, head }: Place): string {
  const { heads } = model.data.layers[layer]!;
  const { entropy, meanDistance } = heads[head]!;
  return `${model.layerName(layer)}, head ${head}: mean entropy ${figure(entropy)} nats, mean distance ${figure(meanDistance)}`;
}

/** A head's share of the largest figure among all, NaN of NaN; `undefined` where thumbnails are shown. */
function shares(model: Model, picture: GridPicture): ((layer: number, head: number) => number) | undefined {
  if (picture === "weights") return undefined;
  const name = picture === "entropy" ? "entropy" : "meanDistance";
  const figures = model.data.layers.map(({ heads }) => heads.map((facts) => facts[name] ?? Number.NaN));
  const largest = figures.flat().reduce((most, figure) => (figure > most ? figure : most), 1e-9);
  return (layer, head) => {
    const figure = figures[layer]![head]!;
    return figure < 0 ? 0 : figure / largest;
  };
}

function drawHead(
  canvas: HTMLCanvasElement,
  picture: Uint8Array,
  colours: Palette,
  share: number | undefined,
): void {
  const context = canvas.getContext("2d")!;
  const { width, height } = canvas;
  if (share !== undefined) {
    context.fillStyle = cssColour(colours, share);
    context.fillRect(0, 0, width, height);
    return;
  }
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let n = 0; n < pixels.length; n++) pixels[n] = colours[picture[n]!]!;
  context.putImageData(image, 0, 0);
}

/** Where a key leads to from a head: nowhere else, or over the edge of a row to the next layer's. */
function neighbour(model: Model, { layer, head }: Place, key: string): Place | undefined {
  const { layers } = model.data;
  const last = (layer: number): number => layers[layer]!.heads.length - 1;
  const to = (layer: number, head: number): Place | undefined =>
    layer in layers ? { layer, head: Math.min(head, last(layer)) } : undefined;
  switch (key) {
    case "ArrowLeft":
      return head > 0 ? to(layer, head - 1) : to(layer - 1, Infinity);
    case "ArrowRight":
      return head < last(layer) ? to(layer, head + 1) : to(layer + 1, 0);
    case "ArrowUp":
      return to(layer - 1, head);
    case "ArrowDown":
      return to(layer + 1, head);
    case "Home":
      return to(layer, 0);
    case "End":
      return to(layer, Infinity);
    default:
      return undefined;
  }
}
