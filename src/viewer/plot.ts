// What all plots share: a figure with a caption, axes, and a mark at what is shown.
import { type Selection, select } from "d3-selection";
import { make } from "./dom.ts";
import { digits } from "./numbers.ts";
import { linear, roundUp, type Scale, ticks as ticksOf } from "./scale.ts";

export type Group = Selection<SVGGElement, unknown, null, undefined>;

/** A plot's area, its scales and its sizes in CSS pixels. */
export interface Area {
  readonly group: Group;
  readonly x: Scale;
  readonly y: Scale;
  readonly width: number;
  readonly height: number;
}

const margin = { left: 44, right: 8, top: 8, bottom: 34 };
const height = 120;
/** Pixels of a character, about. */
const characterWidth = 6.2;

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
    const x = linear(domain.x, [0, width]);
    const y = linear([domain.y[0], roundUp(domain.y[1], 4)], [height, 0]);
    this.#svg
      .attr("width", full)
      .attr("height", height + margin.top + margin.bottom)
      .selectAll("*")
      .remove();
    this.#text.textContent = summary;
    const group = this.#svg.append("g").attr("transform", `translate(${margin.left},${margin.top})`);
    const whole = {
      values: ticksOf(x.from, x.to, Math.min(8, width / 50)).filter(Number.isInteger),
      text: String,
    };
    const { values, text } = ticks ?? whole;
    drawBottom(group, x, withRoom(values, text, x), text);
    drawLeft(group, y, width);
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

/** Every second value, every third and so on, so that no text touches another. */
function withRoom(values: readonly number[], text: (n: number) => string, x: Scale): readonly number[] {
  const room = (n: number): number => text(n).length * characterWidth + 8;
  for (let step = 1; step < values.length; step++) {
    const some = values.filter((_, n) => n % step === 0);
    const touches = some.some(
      (n, at) => at > 0 && x(n) - x(some[at - 1]!) < (room(n) + room(some[at - 1]!)) / 2,
    );
    if (!touches) return some;
  }
  return values.slice(0, 1);
}

function drawBottom(group: Group, x: Scale, values: readonly number[], text: (n: number) => string): void {
  const axis = group.append("g").attr("class", "axis").attr("transform", `translate(0,${height})`);
  axis.append("path").attr("d", `M0,0H${x(x.to)}`);
  const tick = axis.selectAll("g").data(values).join("g");
  tick.attr("transform", (n) => `translate(${x(n)},0)`);
  tick.append("line").attr("y2", 5);
  tick.append("text").attr("y", 16).attr("text-anchor", "middle").text(text);
}

/** Ticks are lines through the whole plot. */
function drawLeft(group: Group, y: Scale, width: number): void {
  const axis = group.append("g").attr("class", "axis rules");
  const tick = axis
    .selectAll("g")
    .data(ticksOf(y.from, y.to, 4))
    .join("g");
  tick.attr("transform", (n) => `translate(0,${y(n)})`);
  tick.append("line").attr("x2", width);
  tick
    .append("text")
    .attr("x", -6)
    .attr("dy", "0.32em")
    .attr("text-anchor", "end")
    .text((n) => digits(n, 3));
}
