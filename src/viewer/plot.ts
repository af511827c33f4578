// What all plots share: a figure with a caption, axes, and a mark at what is shown.
import { axisBottom, axisLeft } from "d3-axis";
import { type ScaleLinear, scaleLinear } from "d3-scale";
import { type Selection, select } from "d3-selection";
import { make } from "./dom.ts";

export type Group = Selection<SVGGElement, unknown, null, undefined>;

/** A plot's area, its scales and its sizes in CSS pixels. */
export interface Area {
  readonly group: Group;
  readonly x: ScaleLinear<number, number>;
  readonly y: ScaleLinear<number, number>;
  readonly width: number;
  readonly height: number;
}

const margin = { left: 44, right: 8, top: 8, bottom: 34 };
const height = 120;

export class Plot {
  readonly element: HTMLElement;
  readonly #svg = select(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  readonly #text = make("p", { class: "hint" });
  #drawn: Area | undefined;

  /** @param draw draws anew after a change of size */
  constructor(id: string, title: string, draw: () => void) {
    this.#svg.attr("aria-hidden", "true").attr("id", `${id}-plot`);
    this.element = make(
      "figure",
      { id, class: "plot" },
      make("figcaption", {}, make("h3", {}, title)),
      this.#svg.node()!,
      this.#text,
    );
    new ResizeObserver(draw).observe(this.element);
  }

  /** An empty plot over these ranges. @param summary the plot in a sentence: it stands below, and is what a screen reader says */
  clear(
    domain: { readonly x: readonly [number, number]; readonly y: readonly [number, number] },
    names: { readonly x: string; readonly y: string },
    summary: string,
    ticks?: { readonly values: readonly number[]; readonly text: (n: number) => string },
  ): Area {
    const full = Math.max(120, this.element.clientWidth);
    const width = full - margin.left - margin.right;
    const x = scaleLinear(domain.x, [0, width]);
    const y = scaleLinear(domain.y, [height, 0]).nice(4);
    this.#svg
      .attr("width", full)
      .attr("height", height + margin.top + margin.bottom)
      .selectAll("*")
      .remove();
    this.#text.textContent = summary;
    const group = this.#svg.append("g").attr("transform", `translate(${margin.left},${margin.top})`);
    const bottom = axisBottom<number>(x as never)
      .ticks(Math.min(8, width / 50))
      .tickSizeOuter(0);
    const tickText = (n: unknown): string =>
      ticks ? ticks.text(n as number) : Number.isInteger(n) ? String(n) : "";
    if (ticks) bottom.tickValues([...ticks.values]);
    bottom.tickFormat(tickText as never);
    group
      .append("g")
      .attr("class", "axis")
      .attr("transform", `translate(0,${height})`)
      .call(bottom as never);
    group
      .append("g")
      .attr("class", "axis rules")
      .call(axisLeft(y).ticks(4).tickSize(-width) as never);
    group
      .append("text")
      .attr("class", "name")
      .attr("x", width / 2)
      .attr("y", height + 31)
      .text(names.x);
    group
      .append("text")
      .attr("class", "name")
      .attr("transform", `translate(-35,${height / 2}) rotate(-90)`)
      .text(names.y);
    this.#drawn = { group, x, y, width, height };
    return this.#drawn;
  }

  /** A line at this place of the x axis, in place of the one before. */
  mark(place: number | undefined): void {
    if (!this.#drawn) return;
    const { group, x } = this.#drawn;
    group
      .selectAll("line.mark")
      .data(place === undefined ? [] : [place])
      .join("line")
      .attr("class", "mark")
      .attr("x1", (n) => x(n))
      .attr("x2", (n) => x(n))
      .attr("y2", height);
  }

  /** Calls back with the place of the x axis that the pointer is over; without one when it leaves. */
  follow(call: (place: number | undefined) => void): void {
    const svg = this.#svg.node()!;
    svg.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse" || !this.#drawn) return;
      call(this.#drawn.x.invert(event.clientX - svg.getBoundingClientRect().left - margin.left));
    });
    svg.addEventListener("pointerleave", () => call(undefined));
  }
}
