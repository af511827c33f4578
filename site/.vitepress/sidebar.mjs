// The order of the pages, and what they are called beside the others.
import fs from "node:fs";
import path from "node:path";
import { root } from "./pages.mjs";

const reference = path.join(import.meta.dirname, "..", "generated", "reference", "typedoc-sidebar.json");

const groups = [
  ["Start", { start: "Start in a minute", attention: "Attention explained", readme: "A tour of everything" }],
  ["Coming from", { "from-pytorch": "PyTorch", "from-onnx": "ONNX" }],
  [
    "Guide",
    {
      masks: "Masks in pictures",
      positions: "Positions",
      "attention-options": "Options of attention",
      "kv-cache": "Key/value cache",
      "efficient-attention": "Efficient variants",
      composition: "Attention in parts",
      inspect: "Looking at attention",
      checkpoints: "Checkpoints",
      "command-line": "Command line",
    },
  ],
  [
    "Operating",
    {
      operations: "Serving",
      memory: "Memory",
      performance: "Performance",
      numerics: "Numerics",
      errors: "Errors",
      package: "Package and runtimes",
      security: "Security",
    },
  ],
  [
    "Inside",
    {
      kernels: "How the kernels work",
      architecture: "Architecture",
      assembly: "Kernel sources",
      "bench-notes": "What was tried",
      changelog: "Changes",
    },
  ],
  ["Recipes", { recipes: "Recipes", "examples/": "Whole programs", "examples/service": "A service" }],
];

/** A page without a place would be found by search alone. */
function checkPlaces() {
  const named = new Set(groups.flatMap(([, pages]) => Object.keys(pages)).concat("index"));
  for (const file of fs.readdirSync(path.join(root, "docs")))
    if (file.endsWith(".md") && !named.has(path.basename(file, ".md")))
      throw new Error(`docs/${file} has no place in the sidebar`);
}

/** The guide's sidebar leads to the reference, which has one of its own. */
export function sidebar() {
  checkPlaces();
  const guide = groups.map(([text, pages]) => ({
    text,
    items: Object.entries(pages).map(([page, text]) => ({ text, link: `/${page}` })),
  }));
  const modules = JSON.parse(fs.readFileSync(reference, "utf8"));
  return {
    "/": [...guide, { text: "Reference", items: [{ text: "All exports", link: "/reference/" }] }],
    "/reference/": [{ text: "Reference", link: "/reference/", items: modules }],
  };
}
