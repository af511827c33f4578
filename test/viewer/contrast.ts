/** Contrast as WCAG 2 defines it, of the colours that a page has in the end. */
import type { Page } from "playwright-core";

export interface Faint {
  readonly text: string;
  readonly ratio: number;
}

/** Visible texts, of HTML and of SVG, whose contrast is below 4.5, what AA asks for. */
export function faintTexts(page: Page): Promise<Faint[]> {
  return page.evaluate(() => {
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
    /** Colours one above the other, as the browser itself mixes them. */
    const mix = (colours: readonly string[]): readonly number[] => {
      for (const colour of ["white", ...colours]) {
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
      }
      return [...context.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (rgb: readonly number[]): number => {
      const [r, g, b] = rgb.map((x) =>
        x / 255 <= 0.04045 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    const faint: { text: string; ratio: number }[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement!;
      const text = walker.currentNode.textContent!.trim();
      if (text === "" || !element.checkVisibility() || /^(SCRIPT|OPTION)$/.test(element.tagName)) continue;
      const grounds: string[] = [];
      for (let at: Element | null = element; at; at = at.parentElement)
        grounds.unshift(getComputedStyle(at).backgroundColor);
      const { color, fill } = getComputedStyle(element);
      const [ground, ink] = [mix(grounds), mix([...grounds, element instanceof SVGElement ? fill : color])];
      const [a, b] = [luminance(ground.slice(0, 3)), luminance(ink.slice(0, 3))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) faint.push({ text, ratio });
    }
    return faint;
  });
}
