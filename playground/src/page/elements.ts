/** Elements that the page has, and those that are made; texts go in as text, never as markup. */

/** The element of a selector, which is there. */
export function find<E extends Element>(selector: string, within: ParentNode = document): E {
  const element = within.querySelector<E>(selector);
  if (element === null) throw new Error(`the page has no ${selector}`);
  return element;
}

/** An element with properties, and with texts or elements in it. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** A bar from 0 to 1, for the eye: the number stands beside it. */
export function bar(share: number): HTMLElement {
  const fill = make("span", {});
  fill.style.inlineSize = `${(100 * Math.min(1, Math.max(0, share))).toFixed(1)}%`;
  const track = make("span", { className: "bar" }, fill);
  track.setAttribute("aria-hidden", "true");
  return track;
}

/** Hands a text to the visitor as a file. */
export function save(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: address, download: name }).click();
  // The download has begun by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
