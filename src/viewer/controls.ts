// What is beside the head's picture: how it is coloured, what a colour means, what the keys do, how exact it is.
import { cssColour, decades, isDark, onSystemTheme, palette } from "./colours.ts";
import { choice, make } from "./dom.ts";
import { keyHelp } from "./heat-map-keys.ts";
import type { Model } from "./model.ts";
import { digits, percent } from "./numbers.ts";
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
  const element = make("div", { id: "legend", role: "img" }, bar, marks);
  const draw = (): void => {
    const { scale, theme, opened } = store.state;
    const colours = palette(isDark(theme));
    const stops = Array.from({ length: 17 }, (_, n) => cssColour(colours, n / 16));
    bar.style.setProperty("background", `linear-gradient(to right, ${stops.join(", ")})`);
    const { largest } = opened.facts;
    const texts = Array.from({ length: legendPlaces }, (_, n) => {
      const place = n / (legendPlaces - 1);
      if (scale === "log") return weightMark(largest * 10 ** ((place - 1) * decades));
      return scale === "row" ? percent(place) : weightMark(place * largest);
    });
    marks.replaceChildren(...texts.map((text) => make("span", {}, text)));
    const unit = scale === "row" ? "of the row's largest weight" : "weight";
    element.setAttribute("aria-label", `Colours, from ${texts[0]} to ${texts.at(-1)} ${unit}`);
  };
  store.on(["opened", "scale", "theme"], draw);
  onSystemTheme(draw);
  return element;
}

function weightMark(x: number): string {
  return digits(x, 2);
}

/** How exact the shown weights are. */
export function exactness(model: Model, store: Store): HTMLElement {
  const text = make("p", { id: "exactness", class: "hint" });
  store.on(["opened"], () => {
    const { levels } = store.state.opened.facts;
    const { topK, S } = model.data;
    if (topK >= S) {
      text.textContent = "All weights are exact.";
      return;
    }
    const exact = topK === 1 ? "Each row's largest weight is" : `Each row's ${topK} largest weights are`;
    text.textContent =
      `${exact} exact, and so are entropies, distances and sums. The others are rounded to ${levels} ` +
      `level${levels === 1 ? "" : "s"} on a square-root scale: a tenth of the row's largest is off by at most ${percent(errorAt(0.1, levels))}, ` +
      `what is below ${percent((0.5 / levels) ** 2)} of it is shown as 0.`;
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
  return { button: button("Keys", "Keys: what they do", () => dialog.showModal()), dialog };
}
