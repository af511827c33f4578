// The text itself: lines go from the shown query to the keys it looks at, as wide as their weights.
import { select } from "d3-selection";
import { make, oncePerFrame } from "./dom.ts";
import type { Labels } from "./labels.ts";
import { type Box, linkPath } from "./links.ts";
import type { Model } from "./model.ts";
import { weightText } from "./numbers.ts";
import type { Store } from "./store.ts";

/** More lines than these tell nobody anything. */
const mostLines = 48;
/** Weights below this share of a row's largest have no line. */
const leastShare = 0.02;

export class TokenView {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #store: Store;
  readonly #queries: HTMLElement;
  readonly #keys: HTMLElement;
  readonly #scroll: HTMLElement;
  readonly #svg = select(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  readonly #tinted = new Set<HTMLElement>();
  readonly #draw = oncePerFrame(() => this.#drawNow());
  #shown: HTMLElement | undefined;

  constructor(model: Model, store: Store) {
    this.#model = model;
    this.#store = store;
    this.#queries = flow(model.queries, model.data.L, model.isOneText ? "Tokens" : "Queries");
    this.#queries.setAttribute("role", "listbox");
    for (const token of tokensOf(this.#queries)) {
      token.setAttribute("role", "option");
      token.setAttribute("aria-selected", "false");
      token.tabIndex = -1;
    }
    this.#keys = model.isOneText ? this.#queries : flow(model.keys, model.data.S, "Keys");
    this.#svg.attr("aria-hidden", "true");
    const texts = model.isOneText
      ? [this.#queries]
      : [title("Queries"), this.#queries, title("Keys"), this.#keys];
    const canvas = make("div", { class: "flows" }, ...texts, this.#svg.node()!);
    this.#scroll = make("div", { class: "scroll" }, canvas);
    this.element = make(
      "section",
      { id: "tokens", "aria-labelledby": "tokens-title" },
      make("h2", { id: "tokens-title" }, "Tokens"),
      make(
        "p",
        { class: "hint" },
        "Point at a token, or go there with the arrow keys, to see what it looks at.",
      ),
      this.#scroll,
    );
    this.#listen();
    store.on(["opened", "cell", "hover"], this.#draw);
    store.on(["cell"], () => this.#rove());
    new ResizeObserver(this.#draw).observe(canvas);
  }

  #listen(): void {
    const rowOf = (event: Event): number | undefined => {
      const token = (event.target as Element).closest<HTMLElement>("[data-n]");
      return token && this.#queries.contains(token) ? Number(token.dataset.n) : undefined;
    };
    this.#queries.addEventListener("pointerover", (event) => {
      const row = rowOf(event);
      if (row !== undefined && event.pointerType === "mouse") this.#store.set({ hover: { row } });
    });
    this.#queries.addEventListener("pointerleave", () => this.#store.set({ hover: undefined }));
    this.#queries.addEventListener("click", (event) => {
      const row = rowOf(event);
      if (row !== undefined) this.#choose(row);
    });
    this.#queries.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity }[
        event.key
      ];
      if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.#choose(this.#store.state.cell.row + by * (event.shiftKey ? 10 : 1));
      tokensOf(this.#queries)[this.#store.state.cell.row]!.focus();
    });
  }

  #choose(row: number): void {
    const { cell, opened } = this.#store.state;
    const chosen = Math.min(this.#model.data.L - 1, Math.max(0, row));
    const key = opened.top(chosen, 1)[0]?.key ?? cell.key;
    this.#store.set({ cell: { row: chosen, key }, hover: undefined });
  }

  /** Tab comes to the chosen token. */
  #rove(): void {
    const token = tokensOf(this.#queries)[this.#store.state.cell.row]!;
    const before = this.#queries.querySelector<HTMLElement>('[aria-selected="true"]');
    before?.setAttribute("aria-selected", "false");
    if (before) before.tabIndex = -1;
    token.setAttribute("aria-selected", "true");
    token.tabIndex = 0;
  }

  #drawNow(): void {
    const { opened } = this.#store.state;
    const { row } = this.#store;
    for (const token of this.#tinted) token.style.removeProperty("--share");
    this.#tinted.clear();
    this.#shown?.classList.remove("shown");
    this.#shown = tokensOf(this.#queries)[row]!;
    this.#shown.classList.add("shown");
    const keys = tokensOf(this.#keys);
    const largest = opened.largest(row);
    const top = opened.top(row, mostLines).filter(({ value }) => value >= leastShare * largest);
    for (const { key, value } of top) {
      keys[key]!.style.setProperty("--share", String(value / largest));
      this.#tinted.add(keys[key]!);
    }
    const from = boxOf(this.#shown);
    const lines = top.map(({ key, value }) => ({
      key,
      value,
      path: linkPath(from, boxOf(keys[key]!)),
      strength: value / largest,
    }));
    const { width, height } = this.#svg.node()!.parentElement!.getBoundingClientRect();
    this.#svg
      .attr("width", width)
      .attr("height", height)
      .selectAll<SVGPathElement, (typeof lines)[number]>("path")
      .data(lines, ({ key }) => key)
      .join("path")
      .attr("d", ({ path }) => path)
      .attr("data-key", ({ key }) => key)
      .attr("data-weight", ({ value }) => weightText(value))
      .attr("stroke-width", ({ value }) => 0.75 + 5 * value)
      .attr("stroke-opacity", ({ strength }) => 0.25 + 0.6 * Math.sqrt(strength));
    this.element.dataset.row = String(row);
  }
}

function title(text: string): HTMLElement {
  return make("h3", {}, text);
}

/** Tokens one behind the other, as in a text, with its line breaks. */
function flow(labels: Labels, count: number, name: string): HTMLElement {
  const list = make("div", { class: "flow", role: "group", "aria-label": name });
  for (let n = 0; n < count; n++) {
    const title = labels.isLong(n) ? labels.short(n) : undefined;
    const token = make("bdi", {}, labels.brief(n));
    list.append(make("span", { class: "token", "data-n": n, title, "aria-label": title }, token));
    if (labels.endsLine(n)) list.append(make("br"));
  }
  return list;
}

const found = new WeakMap<HTMLElement, readonly HTMLElement[]>();

function tokensOf(list: HTMLElement): readonly HTMLElement[] {
  let tokens = found.get(list);
  if (tokens === undefined) found.set(list, (tokens = [...list.querySelectorAll<HTMLElement>(".token")]));
  return tokens;
}

/** Where a token lies among the flows. */
function boxOf({ offsetLeft, offsetTop, offsetWidth, offsetHeight }: HTMLElement): Box {
  return { left: offsetLeft, top: offsetTop, width: offsetWidth, height: offsetHeight };
}
