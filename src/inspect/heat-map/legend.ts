/** The scale of colours, with its values. */

import { escaped } from "../text/escape.ts";
import { toHex } from "./colour-maps.ts";
import { element } from "./elements.ts";
import { type Layout, legendSize } from "./layout.ts";
import { numberText } from "./number-text.ts";
import type { Painted } from "./paint.ts";
import type { HeatMap } from "./read.ts";
import type { Paint } from "./theme.ts";

const steps = 64;
const { width, height } = legendSize;

export function drawLegend(map: HeatMap, painted: Painted, layout: Layout, paint: Paint): string {
  const [x, y] = [layout.panels[0]!.x, layout.legend];
  const [low, middle, high] = labelsOf(map, painted.domain);
  const label = (share: number, anchor: string, text: string): string =>
    element("text", { x: x + share * width, y: y + height + 14, "text-anchor": anchor }, escaped(text));
  const frame = { x: x - 0.5, y: y - 0.5, width: width + 1, height: height + 1, ...paint("none", "border") };
  return element(
    "g",
    {},
    ...bar(x, y, painted),
    element("rect", frame),
    element(
      "g",
      { "font-size": 11, ...paint("muted") },
      label(0, "start", low),
      middle === "" ? "" : label(0.5, "middle", middle),
      label(1, "end", high),
    ),
  );
}

/** Each step reaches below the next, so that no gap shows between them. */
function bar(x: number, y: number, { palette }: Painted): string[] {
  const colours = palette.slice(1);
  const step = width / steps;
  return Array.from({ length: steps }, (_, n) =>
    element("rect", {
      x: x + n * step,
      y,
      width: n === steps - 1 ? step : 2 * step,
      height,
      fill: toHex(colours[Math.round((n / (steps - 1)) * (colours.length - 1))]!),
    }),
  );
}

/** Both ends and what lies between; where rows or heads have scales of their own, what the ends are. */
function labelsOf({ scale, per }: HeatMap, domain: Painted["domain"]): readonly [string, string, string] {
  if (domain === undefined) return [scale === "log" ? "small" : "0", "", `largest of the ${per}`];
  const [low, high] = domain;
  if (scale === "log") return [`≤ ${numberText(low)}`, numberText(Math.sqrt(low * high)), numberText(high)];
  return [numberText(low), numberText((low + high) / 2), numberText(high)];
}
