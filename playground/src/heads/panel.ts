import type { Change, HeadSummary, KeptHeads, Result } from "../attend/messages.ts";
import { bar, find, make } from "../page/elements.ts";
import { shownToken } from "../page/token.ts";

/** The table of a layer's heads, each of which can be switched off. */
export class HeadsPanel {
  readonly #layer: HTMLSelectElement = find("#layer");
  readonly #rows: HTMLElement = find("#heads-table tbody");
  readonly #change: HTMLElement = find("#change");
  readonly #allOn: HTMLButtonElement = find("#all-on");
  readonly #switched: () => void;
  #off: ReadonlySet<string>;
  #result: Result | undefined;

  /** @param off the heads that are off from the start, `layer.head` counted from 0 */
  constructor(off: readonly string[], switched: () => void) {
    this.#off = new Set(off);
    this.#switched = switched;
    this.#layer.addEventListener("input", () => this.#drawTable());
    this.#allOn.addEventListener("click", () => {
      this.turnOff([]);
      switched();
    });
  }

  /** Which heads are off, `layer.head` counted from 0, in order. */
  get off(): readonly string[] {
    return [...this.#off].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  }

  /** Switches these off, and all others on. */
  turnOff(off: readonly string[]): void {
    this.#off = new Set(off);
  }

  kept(layers: number, heads: number): KeptHeads {
    return Array.from({ length: layers }, (_, layer) =>
      Array.from({ length: heads }, (_, head) => !this.#off.has(nameOf(layer, head))),
    );
  }

  show(result: Result): void {
    this.#result = result;
    const layers = result.heads.length;
    // Heads that are no longer there are not off.
    this.#off = new Set(this.off.filter((name) => isThere(name, result)));
    if (this.#layer.options.length !== layers) this.#offerLayers(layers);
    this.#drawTable();
    const change = describeChange(result.change, this.#off.size, result.tokens);
    // What is said again is read out again.
    if (this.#change.textContent !== change) this.#change.textContent = change;
    this.#allOn.disabled = this.#off.size === 0;
  }

  #offerLayers(layers: number): void {
    const chosen = Math.min(this.#layer.selectedIndex, layers - 1);
    this.#layer.replaceChildren(
      ...Array.from({ length: layers }, (_, n) => make("option", { value: String(n) }, String(n))),
    );
    this.#layer.selectedIndex = Math.max(0, chosen);
    this.#layer.disabled = layers === 1;
  }

  #drawTable(): void {
    if (this.#result === undefined) return;
    const layer = this.#layer.selectedIndex;
    const { heads, tokens } = this.#result;
    // Who switches heads off with the keyboard stays where they are.
    const focused = document.activeElement?.id;
    this.#rows.replaceChildren(
      ...heads[layer]!.map((summary, head) => this.#row(layer, head, summary, tokens)),
    );
    if (focused?.startsWith("keep-")) document.getElementById(focused)?.focus();
  }

  #row(layer: number, head: number, summary: HeadSummary, tokens: readonly string[]): HTMLElement {
    const name = nameOf(layer, head);
    const kept = !this.#off.has(name);
    const tick = make("input", { type: "checkbox", checked: kept, id: `keep-${name}` });
    tick.addEventListener("input", () => {
      const off = new Set(this.#off);
      if (tick.checked) off.delete(name);
      else off.add(name);
      this.#off = off;
      this.#switched();
    });
    const label = make("label", { htmlFor: tick.id }, `Head ${head}`);
    const header = make("th", { scope: "row" }, make("span", { className: "tick" }, tick, label));
    const entropy = make("span", { className: "bar-figure" }, summary.entropy.toFixed(3));
    const most = make("bdi", { className: "token" }, shownToken(tokens[summary.favourite] ?? ""));
    return make(
      "tr",
      { className: kept ? "" : "off" },
      header,
      make("td", {}, make("span", { className: "with-bar" }, bar(summary.evenness), entropy)),
      make("td", { className: "number" }, summary.distance.toFixed(1)),
      make("td", {}, most, make("span", { className: "share" }, percent(summary.share))),
    );
  }
}

function nameOf(layer: number, head: number): string {
  return `${layer}.${head}`;
}

function isThere(name: string, { heads }: Result): boolean {
  const [layer = 0, head = 0] = name.split(".").map(Number);
  return heads[layer]?.[head] !== undefined;
}

function describeChange(change: Change | undefined, off: number, tokens: readonly string[]): string {
  if (change === undefined) return "Switch heads off to see what the output loses.";
  const most = change.rows.indexOf(Math.max(...change.rows));
  const heads = off === 1 ? "1 head off" : `${off} heads off`;
  return (
    `${heads}: the output of the last layer changes by ${percent(change.relative)}, ` +
    `most at token ${most}, ${shownToken(tokens[most] ?? "")}, by ${percent(change.rows[most] ?? 0)}.`
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
}
