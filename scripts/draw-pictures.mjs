// Draws the pictures of the guides, docs/images/FOLDER/NAME.svg, with what the built package computes.
//   node scripts/draw-pictures.mjs [--check]
//   --check   changes nothing; exit code 1 if a picture is missing or not what would be drawn
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { drawAttention } from "./pictures/attention.mjs";
import { drawKernels } from "./pictures/kernels.mjs";
import { drawMasks } from "./pictures/masks.mjs";
import { drawPositions } from "./pictures/positions.mjs";

process.chdir(path.join(import.meta.dirname, ".."));
const images = path.join("docs", "images");
const { values: options } = parseArgs({ options: { check: { type: "boolean", default: false } } });

const folders = {
  attention: drawAttention(),
  masks: drawMasks(),
  positions: drawPositions(),
  kernels: drawKernels(),
};

for (const [folder, pictures] of Object.entries(folders)) {
  fs.mkdirSync(path.join(images, folder), { recursive: true });
  for (const [name, drawn] of Object.entries(pictures)) {
    const file = path.join(images, folder, `${name}.svg`);
    if (!options.check) fs.writeFileSync(file, drawn);
    else if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== drawn) {
      console.error(`docs/images/${folder}/${name}.svg is not what is drawn now: run "npm run pictures"`);
      process.exitCode = 1;
    }
  }
}
