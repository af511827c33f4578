// Draws docs/images/*.svg from bench/results/*.json. The same figures give the same bytes.
//   npm --prefix bench/charts start [-- RESULTS_FOLDER [IMAGES_FOLDER]]
import fs from "node:fs";
import path from "node:path";
import { createEfficientChart } from "./efficient.mjs";
import { imagesFolder, readEfficient, readResults, resultsFolder } from "./results.mjs";
import { createShapesChart } from "./shapes.mjs";
import { createSpeedChart } from "./speed.mjs";

const [from = resultsFolder, to = imagesFolder] = process.argv.slice(2);
const results = readResults(from);
const charts = {
  "speed.svg": createSpeedChart(results),
  "shapes.svg": createShapesChart(results),
  "efficient.svg": createEfficientChart(readEfficient(from)),
};

fs.mkdirSync(to, { recursive: true });
for (const [name, text] of Object.entries(charts)) {
  const file = path.join(to, name);
  fs.writeFileSync(file, text);
  console.log(`written: ${path.relative(process.cwd(), file)}`);
}
