/** Colours of text and ground, on light and on dark. Elements carry those of one; a style exchanges them where the reader prefers dark. */
import { element } from "./elements.ts";

const colours = {
  ground: ["#ffffff", "#0d1117"],
  border: ["#d1d9e0", "#3d444d"],
  ink: ["#1f2328", "#f0f6fc"],
  muted: ["#59636e", "#9198a1"],
} as const;

export type Theme = "auto" | "light" | "dark";
type Role = keyof typeof colours;

/** Attributes of something that is filled and lined in colours of the theme. */
export type Paint = (
  fill: Exclude<Role, "border"> | "none",
  stroke?: "border",
) => Readonly<Record<string, string>>;

const root = "attention-map";

/** The class of the whole picture: the style sheet reaches no other when it stands in a page. */
export function rootClass(theme: Theme): string | undefined {
  return theme === "auto" ? root : undefined;
}

export function painter(theme: Theme): Paint {
  const colour = (role: Role): string => colours[role][theme === "dark" ? 1 : 0];
  return (fill, stroke) => {
    const names = [
      fill === "none" ? [] : `${fill}-fill`,
      stroke === undefined ? [] : `${stroke}-stroke`,
    ].flat();
    return {
      fill: fill === "none" ? fill : colour(fill),
      ...(stroke !== undefined && { stroke: colour(stroke) }),
      ...(theme === "auto" && { class: names.join(" ") }),
    };
  };
}

/** Nothing but for `"auto"`. */
export function styleOf(theme: Theme): string {
  if (theme !== "auto") return "";
  const rules = Object.entries(colours).map(([role, [, dark]]) => {
    const as = role === "border" ? "stroke" : "fill";
    return `.${root} .${role}-${as}{${as}:${dark}}`;
  });
  return element("style", {}, `@media (prefers-color-scheme:dark){${rules.join("")}}`);
}
