/** Elements of SVG as text. */

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element around what is given, which is SVG itself. */
export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? rounded(value) : escaped(value!)}"`)
    .join("");
  return content.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${content.join("")}</${name}>`;
}

/** Any text as XML has it: what XML cannot hold becomes U+FFFD. */
export function escaped(text: string): string {
  return text
    .replace(/[\p{Cs}\ufffe\uffff]/gu, "\ufffd")
    .replace(/(?![\t\n\r])\p{Cc}/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A hundredth of a pixel is enough. */
export function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}
