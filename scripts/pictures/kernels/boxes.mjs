// What pictures of kernels are put together from: grids of cells, texts, arrows.
import { escapeText, openPicture, round } from "../picture.mjs";

const extra = `
.soft{fill-opacity:.28;stroke-width:1}.faint{fill-opacity:.1;stroke-width:1;stroke-opacity:.45}
.violet{fill:#9b6bd3;stroke:#9b6bd3}.grey{fill:#8b949e;stroke:#8b949e}
.arrow{fill:none;stroke:#8b949e;stroke-width:1.5}.head{fill:#8b949e;stroke:none}
.bold{font-weight:600}
@media(prefers-color-scheme:dark){.violet{fill:#b38ae6;stroke:#b38ae6}}
`;

export function drawing({ title, description, width, height, parts }) {
  const head = openPicture({ title, description, width, height, extra });
  return [...head, ...parts.flat(Number.POSITIVE_INFINITY), "</svg>", ""].join("\n");
}

/**
 * A grid of `rows` by `columns` cells, each `size` wide and `high` high. `look(i, j)` gives a cell's classes, none where
 * there is no cell. Cells of one look are one path. `every`: a gap after so many columns, where a register ends.
 */
export function grid({ x, y, rows, columns, size, high = size, look, every = columns, gap = 5 }) {
  const paths = new Map();
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const classes = look(i, j);
      if (!classes) continue;
      const left = round(x + j * size + Math.floor(j / every) * gap + 0.5);
      const mark = `M${left} ${round(y + i * high + 0.5)}h${round(size - 1)}v${round(high - 1)}h-${round(size - 1)}z`;
      paths.set(classes, (paths.get(classes) ?? "") + mark);
    }
  return [...paths].map(([classes, marks]) => `<path class="${classes}" d="${marks}"/>`);
}

export function box({ x, y, width, height, look }) {
  return `<path class="${look}" d="M${round(x)} ${round(y)}h${round(width)}v${round(height)}h-${round(width)}z"/>`;
}

export function text(x, y, content, classes = "") {
  return `<text class="${classes}" x="${round(x)}" y="${round(y)}">${escapeText(content)}</text>`;
}

/** A line from one point to another with a head at its end. */
export function arrow(x1, y1, x2, y2) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
  const at = (along, aside) =>
    `${round(x2 - along * dx - aside * dy)} ${round(y2 - along * dy + aside * dx)}`;
  return [
    `<path class="arrow" d="M${round(x1)} ${round(y1)}L${at(5, 0)}"/>`,
    `<path class="head" d="M${at(0, 0)}L${at(8, 4)}L${at(8, -4)}z"/>`,
  ];
}

/** What colours mean, in one line. */
export function key(x, y, entries) {
  let left = x;
  return entries.map(({ look, content }) => {
    const entry = [
      box({ x: left + 0.5, y: y - 10.5, width: 12, height: 12, look }),
      text(left + 18, y, content),
    ];
    left += 18 + content.length * 5.8 + 18;
    return entry;
  });
}
