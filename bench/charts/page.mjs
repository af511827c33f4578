// The page a chart is printed on: an SVG file with a title, panels drawn by Observable Plot, and notes.
import { JSDOM } from "jsdom";

const { window } = new JSDOM("");
/** Plot draws into this document. */
export const { document } = window;

const svgNamespace = "http://www.w3.org/2000/svg";

/**
 * Every colour on light and on dark ground. Elements carry the light one; a style sheet in the file exchanges it where
 * the reader prefers dark. The page brings its own ground, so that text is legible wherever the file is shown.
 */
const colours = {
  ground: ["#ffffff", "#0d1117"],
  border: ["#d1d9e0", "#3d444d"],
  ink: ["#1f2328", "#f0f6fc"],
  muted: ["#59636e", "#9198a1"],
  line: ["#818b98", "#656c76"],
  naive: ["#c4cad1", "#4b535d"],
  tuned: ["#8c959f", "#7d8590"],
  strict: ["#2f6fbd", "#58a0f2"],
  strictMore: ["#b5d0f0", "#27487a"],
  strictText: ["#235fab", "#6cb0ff"],
  relaxed: ["#0b7a5e", "#35b48c"],
  relaxedMore: ["#a5d9c8", "#17543f"],
  relaxedText: ["#0a7057", "#4cc79f"],
  violet: ["#8250df", "#a371f7"],
  violetMore: ["#b08ae6", "#7d5cc4"],
  amber: ["#b5620f", "#e0913f"],
  amberMore: ["#cf9a55", "#9a6a30"],
  onBar: ["#fefefe", "#0e1116"],
};

/** Those of line charts. */
const lineColours = {
  grid: ["#e4e8ed", "#262c34"],
  exact: ["#24292e", "#e6edf3"],
  blue: ["#2a6fc4", "#62a6f7"],
  green: ["#0d7c60", "#3ab890"],
  orange: ["#b3590b", "#ee9444"],
  violet: ["#8a3fb0", "#c58be0"],
  red: ["#b83152", "#f2758f"],
};

/** The colours by name, as drawn. */
export const palette = Object.fromEntries(
  Object.entries({ ...colours, ...lineColours }).map(([name, [light]]) => [name, light]),
);

export const width = 800;
export const margin = 28;
export const inner = width - 2 * margin;

function darkStyle(pairs) {
  return pairs
    .map(([light, dark]) => `[fill="${light}"]{fill:${dark}}[stroke="${light}"]{stroke:${dark}}`)
    .join("\n");
}

const fonts = "-apple-system, BlinkMacSystemFont, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif";

/**
 * Puts a page together from top to bottom.
 *
 * @param {{ title: string, subtitle: Run[][], panels: Panel[], notes: string[], description: string, digest: string }}
 *   content panels are made by `asPanel`; lines of the subtitle are runs of text, plain or coloured: `"text"`, `{ text, fill }`
 * @returns {string} the SVG file's text
 */
export function createPage({ title, subtitle, panels, notes, description, digest }) {
  const page = element("svg", {
    xmlns: svgNamespace,
    width,
    role: "img",
    "aria-labelledby": "title description",
    "font-family": fonts,
    "font-size": 15,
    "data-figures": digest,
  });
  const ground = element("rect", { x: 0.5, y: 0.5, width: width - 1, rx: 6 });
  ground.setAttribute("fill", palette.ground);
  ground.setAttribute("stroke", palette.border);
  const drawn = panels.map(({ group }) => group.outerHTML).join("");
  const lines = Object.values(lineColours).filter(([light]) => drawn.includes(light));
  const dark = darkStyle([...Object.values(colours), ...lines]);
  page.append(
    element("title", { id: "title" }, title),
    element("desc", { id: "description" }, description),
    element("style", {}, `\n@media (prefers-color-scheme: dark) {\n${dark}\n}\n`),
    ground,
  );

  let y = margin + 20;
  page.append(line([title], y, { "font-size": 21, "font-weight": 600, fill: palette.ink }));
  y += 5;
  for (const runs of subtitle) page.append(line(runs, (y += 22), { fill: palette.muted }));
  y += 22;
  for (const { group, height } of panels) {
    group.setAttribute("transform", `translate(${margin},${y})`);
    page.append(group);
    y += height;
  }
  y -= 4;
  for (const note of notes) page.append(line([note], (y += 20), { "font-size": 13.5, fill: palette.muted }));

  const height = y + margin - 4;
  page.setAttribute("height", height);
  page.setAttribute("viewBox", `0 0 ${width} ${height}`);
  ground.setAttribute("height", height - 1);
  return print(page);
}

/** A plot as a part of the page: what it draws, and how high it is. */
export function asPanel(plot) {
  const group = element("g", { fill: "currentColor", "text-anchor": "middle" });
  plot.querySelector("style")?.remove();
  group.append(...plot.childNodes);
  return { group, height: Number(plot.getAttribute("height")) };
}

function line(runs, y, attributes) {
  const text = element("text", { x: margin, y, ...attributes });
  for (const run of runs) {
    if (typeof run === "string") text.append(run);
    else text.append(element("tspan", { fill: run.fill, "font-weight": 600 }, run.text));
  }
  return text;
}

function element(name, attributes, content) {
  const made = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes))
    if (key !== "xmlns") made.setAttribute(key, String(value));
  if (content !== undefined) made.append(content);
  return made;
}

/** One element a line, so that two versions of a file can be compared. */
function print(page) {
  const text = new window.XMLSerializer().serializeToString(page);
  return `${text.replaceAll(/(<\/(?:text|title|desc|style|g|rect|svg)>|<rect[^>]*\/>|<line[^>]*\/>)(?=<)/g, "$1\n")}\n`;
}
