// Draws docs/images/*.svg from bench/results/*.json. The same figures give the same bytes.
//   npm --prefix bench/charts start [-- RESULTS_FOLDER [IMAGES_FOLDER]]
import fs from "node:fs";
import path from "node:path";
import { createCostChart } from "./cost.mjs";
import { createDecodeChart } from "./decode.mjs";
import { createEfficientChart } from "./efficient.mjs";
import { createLengthChart } from "./length.mjs";
import { createPeersChart } from "./peers.mjs";
import { imagesFolder, readAllResults, resultsFolder } from "./results.mjs";
import { createRooflineChart } from "./roofline.mjs";
import { createShapesChart } from "./shapes.mjs";
import { createSpeedChart } from "./speed.mjs";
import { createVersionsChart } from "./versions.mjs";

const [from = resultsFolder, to = imagesFolder] = process.argv.slice(2);
const { speed, peers, scaling, efficient, roofline, versions } = readAllResults(from);
const charts = {
  "speed.svg": createSpeedChart(speed),
  "shapes.svg": createShapesChart(speed),
  "peers.svg": createPeersChart(peers),
  "length.svg": createLengthChart(scaling),
  "cost.svg": createCostChart(scaling),
  "decode.svg": createDecodeChart(scaling),
  "efficient.svg": createEfficientChart(efficient),
  "roofline.svg": createRooflineChart(roofline),
  "versions.svg": createVersionsChart(versions),
};

fs.mkdirSync(to, { recursive: true });
for (const [name, text] of Object.entries(charts)) {
  const file = path.join(to, name);
  fs.writeFileSync(file, text);
  console.log(`written: ${path.relative(process.cwd(), file)}`);
}
