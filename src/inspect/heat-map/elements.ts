/** Elements of SVG as text. */
import { escaped } from "../text/escape.ts";

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element around what is given, which is SVG itself. */
export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? rounded(value) : escaped(value!)}"`)
    .join("");
  return content.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${content.join("")}</${name}>`;
}

/** A hundredth of a pixel is enough. */
export function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}
