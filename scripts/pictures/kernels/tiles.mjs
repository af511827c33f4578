// The register tile, packing, and what lanes hold when queries are few.
import { sizesOf } from "../../kernel-sets.mjs";
import { arrow, drawing, grid, key, text } from "./boxes.mjs";

const LANES = 4;
/** V8 keeps one of 16 vector registers for itself. */
const REGISTERS = 15;

/** One step of depth of the register tile, and the registers it takes. */
export function registerTile() {
  const sets = ["strict", "relaxed"].map((name) => ({ name, ...sizesOf(name) }));
  return drawing({
    title: "The register tile of strict and of relaxed kernels",
    description: sets
      .map(
        ({ name, ROWS, PANEL }) =>
          `${name}: ${ROWS} rows by ${PANEL} lanes, ${(ROWS * PANEL) / LANES} registers of sums`,
      )
      .join("; "),
    width: 636,
    height: 300,
    parts: [
      sets.map((set, n) => tilePanel(8 + n * 324, set)),
      key(8, 288, [
        { look: "on soft", content: "sums" },
        { look: "full soft", content: "panel: a row of 8 lanes" },
        { look: "plus soft", content: "one number, spread over 4 lanes" },
        { look: "violet soft", content: "product" },
        { look: "grey faint", content: "free" },
      ]),
    ],
  });
}

function tilePanel(x, { name, ROWS, PANEL }) {
  const size = 22;
  const left = x + 70;
  const vectors = PANEL / LANES;
  const products = name === "strict" ? 1 : 0;
  const slots = [
    ...Array(ROWS * vectors).fill("on soft"),
    ...Array(vectors).fill("full soft"),
    "plus soft",
    ...Array(products).fill("violet soft"),
  ];
  const used = slots.length;
  const counts = `${ROWS * vectors} sums + ${vectors} panel + 1 spread${products ? " + 1 product" : ""} = ${used} of ${REGISTERS}`;
  return [
    text(x, 14, `${name}: ${ROWS} × ${PANEL}`, "code"),
    text(x, 30, `one step k of depth: ${ROWS * vectors} multiply-adds, ${ROWS + vectors} loads`),
    text(x, 61, "b[k][0…7]", "name"),
    grid({ x: left, y: 46, rows: 1, columns: PANEL, size, every: LANES, look: () => "full soft" }),
    Array.from({ length: ROWS }, (_, i) => [
      text(x, 91 + i * size, `a[${i}][k]`, "name"),
      grid({ x: x + 42, y: 76 + i * size, rows: 1, columns: 1, size: 20, look: () => "plus soft" }),
    ]),
    grid({ x: left, y: 76, rows: ROWS, columns: PANEL, size, every: LANES, look: () => "on soft" }),
    text(left + PANEL * size + 14, 91, "c", "code"),
    text(x, 240, counts),
    grid({
      x,
      y: 246,
      rows: 1,
      columns: REGISTERS,
      size: 20,
      high: 16,
      look: (_, j) => slots[j] ?? "grey faint",
    }),
  ];
}

/** Rows of queries become lanes. */
export function packing() {
  const { PANEL } = sizesOf("strict");
  const E = 10;
  const size = 18;
  const right = 400;
  const look = (query) => (query === 2 ? "plus soft" : query % 2 === 0 ? "on soft" : "on faint");
  return drawing({
    title: "Packing: eight queries become the lanes of a panel",
    description:
      "Eight rows of E numbers on the left. On the right E rows of eight lanes, a query in each lane. Query 2 is a row on the left and a column on the right.",
    width: 600,
    height: 266,
    parts: [
      text(40, 14, `${PANEL} queries, [${PANEL}][E]`, "code"),
      text(40, 30, "as they lie in memory: a row each"),
      Array.from({ length: PANEL }, (_, i) => text(34, 57 + i * size, String(i), "name end")),
      grid({ x: 40, y: 44, rows: PANEL, columns: E, size, look }),
      arrow(250, 116, 370, 116),
      text(310, 106, "4 × 4 transposes", "middle"),
      text(310, 134, "once per tile", "middle"),
      text(right, 14, `a panel, [E][${PANEL}]`, "code"),
      text(right, 30, "a load is 4 queries at one depth"),
      grid({
        x: right,
        y: 44,
        rows: E,
        columns: PANEL,
        size,
        every: LANES,
        look: (_, lane) => look(lane),
      }),
      Array.from({ length: PANEL }, (_, lane) =>
        text(right + (lane + 0.5) * size + (lane < LANES ? 0 : 5), 238, String(lane), "name middle"),
      ),
      key(40, 258, [{ look: "plus soft", content: "query 2" }]),
    ],
  });
}

/** What the lanes of a register hold while decoding. */
export function fewQueries() {
  const { PANEL } = sizesOf("strict");
  const size = 24;
  const ways = [
    {
      heading: "1 query in a panel",
      note: "7 of 8 lanes repeat it",
      rows: 3,
      columns: PANEL,
      label: (i) => `key ${i}`,
      look: (_, j) => (j === 0 ? "on soft" : "grey faint"),
    },
    {
      heading: "1 or 2 queries: lanes are keys",
      note: "4 keys, transposed on the way",
      rows: 2,
      columns: LANES,
      label: (i) => `query ${i}`,
      look: () => "on soft",
    },
    {
      heading: "3 or 4: lanes are queries",
      note: "4 lanes instead of 8",
      rows: 3,
      columns: LANES,
      label: (i) => `key ${i}`,
      look: () => "on soft",
    },
  ];
  const lefts = [8, 282, 476];
  return drawing({
    title: "Lanes when queries are few",
    description:
      "One query in a panel of eight lanes leaves seven idle. With one or two queries the lanes are four keys; with three or four they are four queries.",
    width: 632,
    height: 152,
    parts: [
      ways.map(({ heading, note, rows, columns, label, look }, n) => {
        const x = lefts[n];
        return [
          text(x, 14, heading, "bold"),
          text(x, 30, note),
          Array.from({ length: rows }, (_, i) => text(x, 58 + i * size, label(i), "name")),
          grid({ x: x + 42, y: 42, rows, columns, size, every: LANES, look }),
        ];
      }),
      key(8, 144, [
        { look: "on soft", content: "a score that is wanted" },
        { look: "grey faint", content: "computed for nobody" },
      ]),
    ],
  });
}
