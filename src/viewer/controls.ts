// What is beside the head's picture: how it is coloured, what a colour means, what the keys do, how exact it is.
import { cssColour, decades, firstPlace, isDark, onSystemTheme, palette } from "./colours.ts";
import { choice, make } from "./dom.ts";
import { keyHelp } from "./heat-map-keys.ts";
import type { Model } from "./model.ts";
import { percent } from "./numbers.ts";
import type { ColourScale, Store, Theme } from "./store.ts";

export function themeChoice(store: Store): HTMLElement {
  store.on(["theme"], () => {
    const { theme } = store.state;
    if (theme === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.dataset.theme = theme;
  });
  const themes = { system: "system", light: "light", dark: "dark" };
  return choice<Theme>("Theme", themes, store.state.theme, (theme) => store.set({ theme }));
}

export function scaleChoice(store: Store): HTMLElement {
  const scales = { log: "logarithmic", linear: "linear", row: "linear in each row" };
  return choice<ColourScale>("Scale", scales, store.state.scale, (scale) => store.set({ scale }));
}

/** A button that a pointer can do without a keyboard. */
export function button(text: string, label: string, act: () => void): HTMLButtonElement {
  const made = make("button", { type: "button", "aria-label": label, title: label }, text);
  made.addEventListener("click", act);
  return made;
}

const legendPlaces = 5;

/** What the colours mean. */
export function legend(store: Store): HTMLElement {
  const bar = make("div", { class: "ramp" });
  const marks = make("div", { class: "marks" });
  const ramp = make("div", { class: "scale" }, bar, marks);
  const zero = swatch("0");
  const nan = swatch("NaN");
  const element = make("div", { id: "legend", role: "img" }, zero.element, ramp, nan.element);
  const draw = (): void => {
    const { scale, theme, opened } = store.state;
    const colours = palette(isDark(theme));
    const first = firstPlace(scale);
    const stops = Array.from({ length: 17 }, (_, n) => cssColour(colours, first + ((1 - first) * n) / 16));
    zero.colour(cssColour(colours, 0));
    // Linear scales begin at 0 themselves.
    zero.element.hidden = scale !== "log";
    nan.colour(cssColour(colours, Number.NaN));
    nan.element.hidden = !opened.facts.hasNaN;
    bar.style.setProperty("background", `linear-gradient(to right, ${stops.join(", ")})`);
    const { largest } = opened.facts;
    const places = Array.from({ length: legendPlaces }, (_, n) => n / (legendPlaces - 1));
    const texts =
      scale === "row"
        ? places.map(percent)
        : alike(places.map((place) => largest * (scale === "log" ? 10 ** ((place - 1) * decades) : place)));
    if (scale === "log") texts[0] = `≤ ${texts[0]}`;
    marks.replaceChildren(...texts.map((text) => make("span", {}, text)));
    const unit = scale === "row" ? "of the row's largest weight" : "weight";
    const others = opened.facts.hasNaN ? ", and one for NaN" : "";
    element.setAttribute("aria-label", `Colours, from ${texts[0]} to ${texts.at(-1)} ${unit}${others}`);
  };
  store.on(["opened", "scale", "theme"], draw);
  onSystemTheme(draw);
  return element;
}

/** A colour that stands beside the scale, and what it means. */
function swatch(text: string): { readonly element: HTMLElement; readonly colour: (css: string) => void } {
  const square = make("div", { class: "ramp" });
  const element = make("div", { class: "swatch" }, square, make("div", { class: "marks" }, text));
  return { element, colour: (css) => square.style.setProperty("background", css) };
}

/** Numbers that are read together: all with an exponent, or none. */
function alike(values: readonly number[]): string[] {
  const least = Math.min(...values.filter((value) => value > 0));
  return values.map((value) =>
    value > 0 && least < 1e-5
      ? value.toExponential(1).replace(".0", "")
      : String(Number(value.toPrecision(2))),
  );
}

/** How exact the shown weights are. */
export function exactness(model: Model, store: Store): HTMLElement {
  const text = make("p", { id: "exactness", class: "hint" });
  store.on(["opened"], () => {
    const { levels } = store.state.opened.facts;
    const { topK } = model.data;
    if (levels === null) {
      text.textContent = "All weights are exact.";
      return;
    }
    const exact = topK === 1 ? "The largest weight" : `The ${topK} largest weights`;
    text.textContent =
      `The page has no room for all of this head's weights as they are. ${exact} of each row, entropies, distances and sums ` +
      "are exact. Other weights are rounded and marked ≈. One that is a tenth of its row's largest weight is shown " +
      `within ${percent(errorAt(0.1, levels))} of itself; one below ${percent((0.5 / levels) ** 2)} of the largest is shown as 0.`;
  });
  return text;
}

/** The largest relative error of a weight that is this share of its row's largest. */
function errorAt(share: number, levels: number): number {
  const root = Math.sqrt(share);
  const half = 0.5 / levels;
  return Math.min(1, ((root + half) ** 2 - share) / share);
}

/** What the keys do. */
export function help(): { readonly button: HTMLElement; readonly dialog: HTMLDialogElement } {
  const rows = keyHelp.flatMap(([keys, text]) => [make("dt", {}, keys), make("dd", {}, text)]);
  const close = make("button", { type: "submit" }, "Close");
  const dialog = make(
    "dialog",
    { id: "help", "aria-labelledby": "help-title" },
    make("h2", { id: "help-title" }, "Keys"),
    make("dl", {}, ...rows),
    make("form", { method: "dialog" }, close),
  );
  const open = (): void => dialog.showModal();
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || dialog.open || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open();
  });
  return { button: button("Keys", "Keys: what they do", open), dialog };
}
