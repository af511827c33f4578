// What lies above the heat map: the tokens along its sides, and the cross at the shown cell. SVG.
import { type Selection, select } from "d3-selection";
import { characterWidth, type Frame, labelled, middleOf, type Side } from "./geometry.ts";
import type { Labels } from "./labels.ts";
import type { Model } from "./model.ts";
import type { Cell } from "./store.ts";

/** Which part of the map is seen, and where. */
export interface View {
  readonly frame: Frame;
  readonly rows: Side;
  readonly keys: Side;
}

type Text = Selection<SVGTextElement, number, SVGGElement, unknown>;

/** Pixels that a label takes. */
const labelRoom = 12;

export class Overlay {
  readonly element: SVGSVGElement;
  readonly #svg = select(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
    this.element = this.#svg.attr("aria-hidden", "true").node()!;
    for (const name of ["query-labels", "key-labels", "cross", "shown-labels", "mark"])
      this.#svg.append("g").attr("class", name);
  }

  /** The tokens for which there is room. */
  drawLabels(view: View): void {
    const { left, top, width, height } = view.frame;
    this.#svg.attr("width", left + width + 2).attr("height", top + height + 2);
    const { queries, keys } = this.#model;
    const texts = (group: string, places: readonly number[]): Text =>
      this.#svg
        .select<SVGGElement>(`g.${group}`)
        .selectAll<SVGTextElement, number>("text")
        .data(places, (n) => n)
        .join("text");
    placeQueries(texts("query-labels", labelled(view.rows, labelRoom)), view, queries);
    placeKeys(texts("key-labels", labelled(view.keys, labelRoom)), view, keys);
  }

  /** The shown cell: its tokens in place of what they would cover, lines along its row and column, and a frame around it. */
  drawShown(view: View, { row, key }: Cell): void {
    const { queries, keys } = this.#model;
    const shown = (side: string, n: number, { length }: Side, middle: number): Text =>
      this.#svg
        .select<SVGGElement>("g.shown-labels")
        .selectAll<SVGTextElement, number>(`text.${side}`)
        .data(middle >= 0 && middle <= length ? [n] : [])
        .join("text")
        .attr("class", `${side} shown`);
    const uncover = (group: string, { size }: Side, n: number): void => {
      this.#svg
        .selectAll<SVGTextElement, number>(`g.${group} text`)
        .classed("covered", (other) => Math.abs(other - n) * size < labelRoom);
    };
    uncover("query-labels", view.rows, row);
    uncover("key-labels", view.keys, key);
    placeQueries(shown("query", row, view.rows, middleOf(row, view.rows)), view, queries);
    placeKeys(shown("key", key, view.keys, middleOf(key, view.keys)), view, keys);
    this.#drawCross(view, { row, key });
  }

  #drawCross({ frame, rows, keys }: View, { row, key }: Cell): void {
    const { left, top, width, height } = frame;
    const [x, w] = clip(left + key * keys.size + keys.offset, keys.size, left, left + width);
    const [y, h] = clip(top + row * rows.size + rows.offset, rows.size, top, top + height);
    // Lines alone: a tint would be taken for weights.
    const bands = [h > 0 ? [left, y, width, h] : [], w > 0 ? [x, top, w, height] : []].filter(
      (band) => band.length > 0,
    );
    this.#svg
      .select("g.cross")
      .selectAll<SVGRectElement, number[]>("rect")
      .data(bands)
      .join("rect")
      .attr("x", (band) => band[0]!)
      .attr("y", (band) => band[1]!)
      .attr("width", (band) => band[2]!)
      .attr("height", (band) => band[3]!);
    // A frame that can be seen, however small the cell.
    const grow = Math.max(0, (6 - Math.min(w, h)) / 2);
    this.#svg
      .select("g.mark")
      .selectAll("rect")
      .data(w > 0 && h > 0 ? ["outer", "inner"] : [])
      .join("rect")
      .attr("class", (name) => name)
      .attr("x", x - grow)
      .attr("y", y - grow)
      .attr("width", w + 2 * grow)
      .attr("height", h + 2 * grow);
  }
}

function placeQueries(texts: Text, { frame: { left, top }, rows }: View, labels: Labels): void {
  texts
    .attr("dy", "0.35em")
    .attr("text-anchor", "end")
    .attr("transform", (n) => `translate(${left - 6},${top + middleOf(n, rows)})`)
    .text((n) => labels.cut(n, Math.floor((left - 8) / characterWidth)));
}

function placeKeys(texts: Text, { frame: { left, top }, keys }: View, labels: Labels): void {
  texts
    .attr("dy", "0.35em")
    .attr("text-anchor", "start")
    .attr("transform", (n) => `translate(${left + middleOf(n, keys)},${top - 6}) rotate(-90)`)
    .text((n) => labels.cut(n, Math.floor((top - 6) / characterWidth)));
}

/** What of a length lies between two places: where it begins, and how long it is. */
function clip(from: number, length: number, least: number, most: number): [number, number] {
  const start = Math.max(least, Math.min(most, from));
  return [start, Math.max(0, Math.min(most, from + length) - start)];
}
