// The order of the pages. A page that is not named here is found by search and by links alone.
import fs from "node:fs";
import path from "node:path";

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

/** The guide's sidebar leads to the reference, which has one of its own. */
export function sidebar() {
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
