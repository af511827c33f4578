// Pictures of matrices: queries go down, keys go across, a cell is a score or a weight.
import { escapeText, openPicture, round } from "./picture.mjs";

/** The score of a key that is excluded. */
export const EXCLUDED = -Infinity;

const LEFT = 40;
const ABOVE = 64;
const BETWEEN = 30;
const STRIP = 24;
const LEGEND = 34;
const MARGIN = 8;
const MONOSPACE_WIDTH = 7.3;
const NOTE_WIDTH = 5.7;

/**
 * A panel is one matrix: `code` and `note` stand above it, `cells` are its values in rows, `position` is the position of
 * query 0 where the picture marks each query's own. `range` are the values of the faintest and the strongest shade. `across` and
 * `down` name the columns and the rows where these are no keys and queries, and the figure has a
 * `description`.
 */
export function drawMatrices({
  title,
  description,
  legend: scale,
  panels,
  columns = panels.length,
  cell = 20,
}) {
  const parts = [];
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...panels.filter((_, n) => n % columns === column).map((panel) => panelWidth(panel, cell))),
  );
  let top = MARGIN;
  for (let first = 0; first < panels.length; first += columns) {
    const line = panels.slice(first, first + columns);
    let left = MARGIN;
    for (const [column, panel] of line.entries()) {
      parts.push(`<g transform="translate(${left},${top})">`, ...drawPanel(panel, cell), "</g>");
      left += widths[column] + BETWEEN;
    }
    top += Math.max(...line.map((panel) => panelHeight(panel, cell))) + 18;
  }
  let width = widths.reduce((sum, n) => sum + n + BETWEEN, 2 * MARGIN - BETWEEN);
  const legend = drawLegend(panels, scale);
  width = Math.ceil(Math.max(width, legend.width + LEFT + 2 * MARGIN));
  parts.push(`<g transform="translate(${MARGIN + LEFT},${top})">`, ...legend.parts, "</g>");
  const height = top + LEGEND;
  const words = description ?? panels.map(describe).join(" ");
  return [...openPicture({ title, description: words, width, height }), ...parts, "</svg>", ""].join("\n");
}

function panelWidth({ code, note, cells }, cell) {
  return Math.ceil(
    Math.max(
      LEFT + cells[0].length * cell,
      LEFT + code.length * MONOSPACE_WIDTH,
      LEFT + note.length * NOTE_WIDTH,
    ),
  );
}

function panelHeight({ cells, strip }, cell) {
  return ABOVE + (strip ? STRIP : 0) + cells.length * cell;
}

function drawPanel(panel, cell) {
  const { code, note, cells, strip, lines, blockMask, across = "keys", down = "queries" } = panel;
  const [height, width] = [cells.length, cells[0].length];
  const top = ABOVE + (strip ? STRIP : 0);
  const parts = [
    `<text class="code" x="${LEFT}" y="12">${escapeText(code)}</text>`,
    `<text x="${LEFT}" y="28">${escapeText(note)}</text>`,
    `<text x="${LEFT}" y="46">${across}</text>`,
    `<text class="middle" transform="translate(10,${round(top + (height * cell) / 2)}) rotate(-90)">${down}</text>`,
  ];
  if (strip) parts.push(...drawStrip(strip, cell));
  // Numbers beside every cell, or every block.
  const every = blockMask?.blockSize ?? (cell < 14 ? 5 : 1);
  for (let j = 0; j < width; j += every)
    parts.push(number(LEFT + (j + 0.5) * cell, ABOVE - 5, panel.columnNames?.[j] ?? j, "middle"));
  for (let i = 0; i < height; i += every)
    parts.push(
      `<text class="name" text-anchor="end" x="${LEFT - 6}" y="${round(top + (i + 0.5) * cell + 3.5)}">${i}</text>`,
    );
  parts.push(`<g transform="translate(${LEFT},${top})">`);
  parts.push(...drawCells(panel, cell));
  parts.push(...drawLines(lines ?? linesOf(blockMask), width * cell, height * cell, cell), "</g>");
  return parts;
}

function number(x, y, text, anchor) {
  return `<text class="name ${anchor}" x="${round(x)}" y="${round(y)}">${text}</text>`;
}

/** The mask as it is given, between the numbers of the columns and the cells. */
function drawStrip(strip, cell) {
  const label = `<text class="name end" x="${LEFT - 6}" y="${ABOVE + 15}">mask</text>`;
  const letters = strip.map(
    (letter, j) =>
      `<text class="code middle" x="${LEFT + (j + 0.5) * cell}" y="${ABOVE + 15}">${letter}</text>`,
  );
  return [label, ...letters];
}

/** One path for all cells of a look: a dot where a key is excluded, a rounded square elsewhere. */
function drawCells({ cells, position, range, blockMask }, cell) {
  const paths = new Map();
  const add = (look, mark) => paths.set(look, (paths.get(look) ?? "") + mark);
  const [gap, corner] = cell < 14 ? [0.5, 1] : [1, 3];
  const inset = gap + corner / 2;
  const side = cell - 2 * inset;
  for (const [i, row] of cells.entries()) {
    for (const [j, value] of row.entries()) {
      const middle = `M${(j + 0.5) * cell} ${(i + 0.5) * cell}h0`;
      const kind = blockMask && kindOf(blockMask, i, j);
      if (value === EXCLUDED) {
        if (kind !== "empty") add(`class="off dot" stroke-width="${cell < 14 ? 2 : 3.2}"`, middle);
        continue;
      }
      const [colour, strength] = kind === "full" ? ["full", 1] : shade(value, range);
      add(
        `class="${colour}" stroke-width="${corner}"${strength === 1 ? "" : ` opacity="${strength}"`}`,
        `M${j * cell + inset} ${i * cell + inset}h${side}v${side}h-${side}z`,
      );
      if (position !== undefined && i + position === j)
        add(`class="own dot" stroke-width="${round(cell * 0.3)}"`, middle);
    }
  }
  // The marks of the queries' own positions lie on top.
  const order = ([a], [b]) => Number(a.includes("own")) - Number(b.includes("own"));
  return [...paths].sort(order).map(([look, marks]) => `<path ${look} d="${marks}"/>`);
}

/** Colour and strength of a value: full where nothing scales it. */
function shade(value, range) {
  if (!range) return ["on", 1];
  const [low, high] = range;
  if (low < 0 && high > 0) return [value > 0 ? "plus" : "on", strength(Math.abs(value) / high)];
  return ["on", strength((value - low) / (high - low))];
}

function strength(part) {
  return Math.round((0.14 + 0.86 * Math.min(1, Math.max(0, part))) * 100) / 100;
}

function kindOf(mask, i, j) {
  const kind = mask.kinds[Math.floor(i / mask.blockSize) * mask.columns + Math.floor(j / mask.blockSize)];
  return ["empty", "full"][kind] ?? "partial";
}

function linesOf(blockMask) {
  if (!blockMask) return undefined;
  const edges = (count) => Array.from({ length: count + 1 }, (_, n) => n * blockMask.blockSize);
  return { across: edges(blockMask.rows), down: edges(blockMask.columns) };
}

function drawLines(lines, width, height, cell) {
  if (!lines) return [];
  const across = lines.across.map((i) => `M0 ${i * cell}H${width}`);
  const down = lines.down.map((j) => `M${j * cell} 0V${height}`);
  return [`<path class="line" d="${[...across, ...down].join("")}"/>`];
}

/** What the marks mean: only those that this picture has. */
function drawLegend(panels, scale = "score") {
  const parts = [];
  let x = 0;
  const add = (mark, width, text) => {
    parts.push(
      `<g transform="translate(${round(x)},0)">${mark}<text x="${width + 6}" y="11">${escapeText(text)}</text></g>`,
    );
    x += width + 6 + text.length * NOTE_WIDTH + 16;
  };
  const square = (fill) => `<rect class="${fill}" width="14" height="14" rx="3" stroke="none"/>`;
  const range = panels.find((panel) => panel.range)?.range;
  const all = panels.flatMap(({ cells }) => cells.flat());
  const partial = panels.some(({ blockMask }) => blockMask?.count().partial > 0);
  if (panels[0].blockMask) {
    add(square("full"), 14, "full block");
    if (partial) add(square("on"), 14, "partial block");
    add('<path class="line" d="M.5 .5h13v13h-13z"/>', 14, "empty block: not computed");
  } else if (range) {
    const steps = Array.from({ length: 7 }, (_, n) => range[0] + ((range[1] - range[0]) * n) / 6);
    const bar = steps.map((value, n) => {
      const [fill, opacity] = shade(value, range);
      return `<rect class="${fill}" x="${n * 12}" width="12" height="14" opacity="${opacity}"/>`;
    });
    add(bar.join(""), 84, `${scale}: ${sign(range[0])} to ${sign(range[1])}`);
  } else add(square("on"), 14, "attended");
  if (all.includes(EXCLUDED) && (partial || !panels[0].blockMask))
    add('<path class="off dot" stroke-width="3.2" d="M7 7h0"/>', 14, "excluded");
  if (panels.some(({ position }) => position !== undefined))
    add(
      `${square("on")}<path class="own dot" stroke-width="4.8" d="M7 7h0"/>`,
      14,
      "the query's own position",
    );
  return { parts, width: x };
}

function sign(value) {
  return value < 0 ? `−${-value}` : String(value);
}

/** A panel in words: how many keys each query attends to. */
function describe({ code, note, cells }) {
  const counts = cells.map((row) => row.filter((value) => value !== EXCLUDED).length);
  return `${code}, ${note}: queries attend to ${counts.join(", ")} of ${cells[0].length} keys.`;
}
