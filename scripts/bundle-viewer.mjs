// The script and style of the pages that toHtml writes, as strings in a module: src/viewer with d3-selection and d3-zoom.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";

const target = "src/inspect/generated/viewer.ts";
/** src/viewer/style/NAME.css, in the order in which they hold: what narrow windows change comes last. */
const sheets = ["theme", "page", "heads", "heat-map", "readout", "tokens", "plots", "help", "narrow"];

/** Writes src/inspect/generated/viewer.ts. */
export async function bundleViewer() {
  const still = path.resolve("src/viewer/no-transitions.ts");
  const bundle = await rolldown({
    input: "src/viewer/main.ts",
    platform: "browser",
    tsconfig: false,
    resolve: { alias: { "d3-transition": still, "d3-interpolate": still } },
  });
  const { output } = await bundle.generate({ format: "iife", minify: true });
  await bundle.close();
  const script = output[0].code.trim();
  // Either would end the element that the script stands in, or begin another.
  if (/<\/script|<!--/i.test(script)) throw new Error("the viewer's script may not contain </script or <!--");
  const style = squeeze(
    sheets.map((name) => fs.readFileSync(`src/viewer/style/${name}.css`, "utf8")).join("\n"),
  );
  const parts = { script, style, scriptHash: hashOf(script), styleHash: hashOf(style) };
  const fields = Object.entries(parts);
  fs.mkdirSync("src/inspect/generated", { recursive: true });
  fs.writeFileSync(
    target,
    [
      "// Made by scripts/bundle-viewer.mjs.",
      "/** Script and style of a page, and what its policy calls them. */",
      `export interface Viewer { ${fields.map(([name]) => `readonly ${name}: string;`).join(" ")} }`,
      `export const viewer: Viewer = {\n${fields.map(([name, text]) => `${name}: ${JSON.stringify(text)},`).join("\n")}\n};`,
      "",
    ].join("\n"),
  );
}

/** A style sheet without comments and indentation. */
function squeeze(css) {
  return css
    .replace(/\/\*.*?\*\//gs, "")
    .replace(/\s+/g, " ")
    .replace(/ ?([{};,]) ?/g, "$1")
    .replaceAll(";}", "}")
    .trim();
}

function hashOf(text) {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
