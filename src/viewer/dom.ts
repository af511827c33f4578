// Elements, made in one expression.

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An element with attributes (true: without a value; false, undefined: none) and children; a string is text, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : String(value));
  element.append(...children);
  return element;
}

/** A list to choose from, with its label. */
export function choice<T extends string>(
  label: string,
  choices: Readonly<Record<T, string>>,
  chosen: T,
  choose: (value: T) => void,
): HTMLLabelElement {
  const options = Object.entries<string>(choices).map(([value, text]) =>
    make("option", { value, selected: value === chosen }, text),
  );
  const select = make("select", {}, ...options);
  select.addEventListener("change", () => choose(select.value as T));
  return make("label", { class: "choice" }, `${label} `, select);
}

/** Calls back before the next frame, once, however often it is asked to. */
export function oncePerFrame(draw: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}
