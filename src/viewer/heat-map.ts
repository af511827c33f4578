// One head, a pixel or more for each weight: a canvas for the weights, SVG above it for labels and the cross.
import { select } from "d3-selection";
import { type D3ZoomEvent, type ZoomTransform, zoom, zoomIdentity } from "d3-zoom";
import { isDark, onSystemTheme, paint, palette } from "./colours.ts";
import { make, oncePerFrame } from "./dom.ts";
import { cellAt, type Frame, frameFor } from "./geometry.ts";
import { listenToKeys, type MapActions } from "./heat-map-keys.ts";
import { Overlay, type View } from "./heat-map-overlay.ts";
import type { Model } from "./model.ts";
import type { Cell, Store } from "./store.ts";

export class HeatMap {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #store: Store;
  readonly #canvas = make("canvas", { "aria-hidden": true });
  readonly #overlay: Overlay;
  readonly #cells = document.createElement("canvas");
  readonly #zoom = zoom<HTMLCanvasElement, unknown>();
  readonly #draw = oncePerFrame(() => this.#drawNow());
  readonly #longest: { readonly queries: number; readonly keys: number };
  #frame: Frame = { left: 0, top: 0, width: 1, height: 1 };
  #transform: ZoomTransform = zoomIdentity;

  constructor(model: Model, store: Store, step: (by: number) => void) {
    this.#model = model;
    this.#store = store;
    this.#overlay = new Overlay(model);
    const { L, S } = model.data;
    this.#longest = { queries: model.queries.longest(L), keys: model.keys.longest(S) };
    this.element = make(
      "div",
      {
        id: "heat-map",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "heat map",
        "aria-describedby": "heat-map-keys",
      },
      this.#canvas,
      this.#overlay.element,
    );
    this.#listen(step);
    const repaint = (): void => this.#repaint();
    store.on(["opened", "scale", "theme"], repaint);
    onSystemTheme(repaint);
    store.on(
      ["cell", "hover"],
      oncePerFrame(() => this.#overlay.drawShown(this.#view(), store.shown)),
    );
    new ResizeObserver(() => this.#resize()).observe(this.element);
  }

  /** What keys and buttons do. */
  readonly actions: MapActions = {
    move: (rows, keys) => {
      const { row, key } = this.#store.state.cell;
      this.choose({ row: row + rows, key: key + keys });
    },
    choose: (cell) => this.choose({ ...this.#store.state.cell, ...cell }),
    strongest: () => {
      const { opened, cell } = this.#store.state;
      const [top] = opened.top(cell.row, 1);
      if (top) this.choose({ ...cell, key: top.key });
    },
    zoom: (factor) => {
      const { row, key } = this.#store.state.cell;
      const { width, height } = this.#frame;
      const { L, S } = this.#model.data;
      const at = this.#transform.apply([((key + 0.5) * width) / S, ((row + 0.5) * height) / L]);
      const inside = at[0] >= 0 && at[0] <= width && at[1] >= 0 && at[1] <= height;
      select(this.#canvas).call(this.#zoom.scaleBy, factor, inside ? at : undefined);
    },
    reset: () => {
      this.#store.set({ hover: undefined });
      select(this.#canvas).call(this.#zoom.transform, zoomIdentity);
    },
    step: () => {},
  };

  /** Chooses the nearest cell that there is, and brings it into sight. */
  choose({ row, key }: Cell): void {
    const { L, S } = this.#model.data;
    const cell = { row: Math.min(L - 1, Math.max(0, row)), key: Math.min(S - 1, Math.max(0, key)) };
    this.#store.set({ cell, hover: undefined });
    const { width, height } = this.#frame;
    const { k } = this.#transform;
    const [w, h] = [width / S, height / L];
    const [x, y] = this.#transform.apply([cell.key * w, cell.row * h]);
    const outside = (at: number, size: number, length: number): number =>
      at < 0 ? -at : at + size > length ? length - at - size : 0;
    const [dx, dy] = [outside(x, w * k, width), outside(y, h * k, height)];
    if (dx !== 0 || dy !== 0) select(this.#canvas).call(this.#zoom.translateBy, dx / k, dy / k);
  }

  #listen(step: (by: number) => void): void {
    const { element } = this;
    listenToKeys(element, { ...this.actions, step });
    this.#zoom
      // A page that is scrolled should not stop at the map: the wheel zooms once the map has the focus, or with Ctrl.
      .filter((event: Event) => {
        if (event instanceof WheelEvent) return event.ctrlKey || element.contains(document.activeElement);
        if (event instanceof MouseEvent) return event.button === 0 && !event.ctrlKey;
        return this.#transform.k > 1 || (event as TouchEvent).touches?.length > 1;
      })
      .on("zoom", ({ transform }: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
        this.#transform = transform;
        element.classList.toggle("zoomed", transform.k > 1);
        this.#draw();
      });
    select(this.#canvas).call(this.#zoom).on("dblclick.zoom", null);
    element.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && event.buttons === 0)
        this.#store.set({ hover: this.#cellAt(event) });
    });
    element.addEventListener("pointerleave", () => this.#store.set({ hover: undefined }));
    element.addEventListener("click", (event) => {
      const cell = this.#cellAt(event);
      if (cell) this.choose(cell);
    });
    element.addEventListener("dblclick", (event) => {
      const { x, y } = this.#inPlot(event);
      select(this.#canvas).call(this.#zoom.scaleBy, event.shiftKey ? 0.5 : 2, [x, y]);
    });
  }

  #inPlot(event: MouseEvent): { x: number; y: number } {
    const { left, top } = this.element.getBoundingClientRect();
    return { x: event.clientX - left - this.#frame.left, y: event.clientY - top - this.#frame.top };
  }

  /** The cell below the pointer; beside the plot, the row or column of the label. */
  #cellAt(event: MouseEvent): Cell | undefined {
    const { width, height } = this.#frame;
    const { cell } = this.#store.state;
    const { rows, keys } = this.#view();
    const { x, y } = this.#inPlot(event);
    if (x > width || y > height || (x < 0 && y < 0)) return undefined;
    return { row: y < 0 ? cell.row : cellAt(y, rows), key: x < 0 ? cell.key : cellAt(x, keys) };
  }

  #resize(): void {
    const { L, S } = this.#model.data;
    const frame = frameFor({ L, S }, this.#longest, this.element.parentElement!.clientWidth);
    const { left, top, width, height } = frame;
    if (width === this.#frame.width && left === this.#frame.left) return;
    this.#frame = frame;
    this.element.style.width = `${left + width + 2}px`;
    this.element.style.height = `${top + height + 2}px`;
    for (const [name, pixels] of Object.entries({ left, top, width, height }))
      this.#canvas.style.setProperty(name, `${pixels}px`);
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    const most = Math.max(4, 48 / Math.min(width / S, height / L));
    this.#zoom
      .extent([
        [0, 0],
        [width, height],
      ])
      .translateExtent([
        [0, 0],
        [width, height],
      ])
      .scaleExtent([1, most]);
    select(this.#canvas).call(this.#zoom.transform, zoomIdentity);
    this.#draw();
  }

  /** The head's weights, a pixel each. */
  #repaint(): void {
    const { opened, scale, theme } = this.#store.state;
    const { L, S } = this.#model.data;
    this.#cells.width = S;
    this.#cells.height = L;
    this.#cells.getContext("2d")!.putImageData(paint(opened, { L, S }, scale, palette(isDark(theme))), 0, 0);
    const name = this.#model.layerName(opened.layer);
    this.element.setAttribute(
      "aria-label",
      `${name}, head ${opened.head}: ${L} queries, one a row, and ${S} keys, one a column`,
    );
    this.#draw();
  }

  #drawNow(): void {
    const { L, S } = this.#model.data;
    const { width, height } = this.#frame;
    const { x, y, k } = this.#transform;
    const context = this.#canvas.getContext("2d")!;
    const ratio = this.#canvas.width / width;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.setTransform(ratio * k, 0, 0, ratio * k, ratio * x, ratio * y);
    // Where a pixel stands for several weights it shows their mean; else cells keep their edges.
    context.imageSmoothingEnabled = Math.min(width / S, height / L) * k * ratio < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#cells, 0, 0, width, height);
    this.#overlay.drawLabels(this.#view());
    this.#overlay.drawShown(this.#view(), this.#store.shown);
  }

  #view(): View {
    const { L, S } = this.#model.data;
    const { width, height } = this.#frame;
    const { x, y, k } = this.#transform;
    return {
      frame: this.#frame,
      rows: { size: (height / L) * k, offset: y, count: L, length: height },
      keys: { size: (width / S) * k, offset: x, count: S, length: width },
    };
  }
}
