// Opens the page in headless Chromium: built and from its sources, without cross-origin isolation and with it.
//   node test/run.mjs [NAMES...]   only cases whose name has one of these words
// CHROMIUM may name the browser. The package must be built.
import { chromium } from "playwright-core";
import { executablePath, noBrowser } from "../../test/runtimes/support/browser.mjs";
import { eachBuild } from "./builds.mjs";
import { cases } from "./cases.mjs";

const words = process.argv.slice(2);
const wanted = cases.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const counts = { passed: 0, failed: 0, skipped: 0 };

if (noBrowser !== undefined) {
  console.log(`- ${wanted.length} cases skipped: ${noBrowser}`);
  counts.skipped = wanted.length;
} else {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    await eachBuild(async (build) => {
      console.log(`\n${build.name}, Chromium ${browser.version().split(".")[0]}`);
      for (const one of wanted) if (isFor(build, one)) await runCase(one, build, browser);
    });
  } finally {
    await browser.close();
  }
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;

function isFor({ built }, { everywhere = false, served = everywhere }) {
  return built ? !served || everywhere : served;
}

/** A page of its own for each case; whatever it writes to the console as an error or a warning is a failure. */
async function runCase({ name, run, size }, build, browser) {
  const context = await browser.newContext({ viewport: size ?? { width: 1280, height: 900 } });
  const complaints = [];
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const note = await run({ page, context, build });
    if (complaints.length > 0) throw new Error(complaints.join("\n"));
    counts.passed++;
    console.log(`✓ ${name}${note === undefined ? "" : `: ${note}`}`);
  } catch (error) {
    counts.failed++;
    console.log(`✗ ${name}\n${[error.stack, ...complaints.slice(0, 5)].join("\n")}`);
  } finally {
    await context.close();
  }
}
