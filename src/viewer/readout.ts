// The shown cell in words, and the largest weights of its row as a table.
import { make } from "./dom.ts";
import type { Labels } from "./labels.ts";
import type { Model, Weight } from "./model.ts";
import { digits, figure, weightText } from "./numbers.ts";
import type { Store } from "./store.ts";

const mostRows = 10;

export function readout(model: Model, store: Store): HTMLElement {
  const values = {
    query: make("dd", { id: "readout-query" }),
    key: make("dd", { id: "readout-key" }),
    weight: make("dd", { id: "readout-weight" }),
    entropy: make("dd", { id: "readout-entropy" }),
  };
  const names = { query: "Query", key: "Key", weight: "Weight", entropy: "Row entropy" };
  const list = make(
    "dl",
    {},
    ...Object.entries(values).map(([name, value]) =>
      make("div", {}, make("dt", {}, names[name as keyof typeof names]), value),
    ),
  );
  const caption = make("caption");
  const body = make("tbody");
  const heads = ["Key", "Weight"].map((text) => make("th", { scope: "col" }, text));
  const table = make("table", { id: "top-keys" }, caption, make("thead", {}, make("tr", {}, ...heads)), body);

  store.on(["opened", "cell", "hover"], () => {
    const { opened } = store.state;
    const { row, key } = store.shown;
    const weight = opened.weight(row, key);
    values.query.replaceChildren(named(model.queries, row));
    values.key.replaceChildren(named(model.keys, key));
    values.weight.textContent = describeWeight(weight);
    values.weight.dataset.value = String(weight.value);
    values.entropy.textContent = `${figure(opened.record.entropy[row]!)} nats`;
  });
  let drawn: unknown;
  store.on(["opened", "cell", "hover"], () => {
    const { opened } = store.state;
    const { row } = store;
    const what = `${opened.layer} ${opened.head} ${row}`;
    if (what === drawn) return;
    drawn = what;
    const top = opened.top(row, mostRows);
    const nan = opened.countNaN(row);
    const all =
      nan === model.data.S
        ? "All its weights are NaN."
        : `${nan} of its weights ${nan === 1 ? "is" : "are"} NaN.`;
    const note = nan > 0 ? all : top.length > 0 ? "" : "It looks at no key.";
    caption.replaceChildren("Largest weights of ", named(model.queries, row));
    body.replaceChildren(
      ...top.map(({ key, ...weight }) => {
        const bar = make("span", { class: "share", "aria-hidden": true });
        bar.style.setProperty("--share", String(weight.value / top[0]!.value));
        const value = make("td", {}, bar, describeWeight(weight, true));
        value.dataset.value = String(weight.value);
        const head = make("th", { scope: "row" }, named(model.keys, key));
        return make("tr", { "data-key": key }, head, value);
      }),
      ...(note === "" ? [] : [make("tr", {}, make("td", { colspan: 2 }, note))]),
    );
  });
  return make(
    "section",
    { id: "readout", "aria-labelledby": "readout-title" },
    make("h2", { id: "readout-title" }, "Cell and row"),
    list,
    table,
  );
}

/** A token with its place, whose direction stays its own; a long one whole where the pointer rests. */
function named(labels: Labels, n: number): HTMLElement {
  return make("bdi", { title: labels.isLong(n) ? labels.short(n) : undefined }, labels.full(n));
}

/** The number, and between which two it lies where it was rounded. */
function describeWeight({ value, bounds: [least, most] }: Weight, short = false): string {
  if (Number.isNaN(value)) return "NaN";
  if (least === most) return weightText(value);
  const rounded = value === 0 ? `below ${weightText(most)}` : `≈ ${digits(value, 3)}`;
  return short || value === 0 ? rounded : `${rounded} (${weightText(least)} to ${weightText(most)})`;
}
