// Jest, which loads ES modules where Node has its flag for them.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expectOne } from "../support/expect.mjs";

const require = createRequire(import.meta.url);

export async function run({ folder, execute, nodes }) {
  const { version, bin } = require("jest/package.json");
  const jest = join(require.resolve("jest/package.json"), "..", bin.jest ?? bin);
  const config = JSON.stringify({ rootDir: folder, testMatch: ["**/*.test.mjs"], transform: {} });
  const rows = [];
  for (const { node, version: nodeVersion } of nodes()) {
    const facts = `${folder}/facts.json`;
    const env = { NODE_OPTIONS: "--experimental-vm-modules", FACTS: facts };
    execute(node, [jest, "--config", config], folder, env);
    const name = `Jest ${version}, Node ${nodeVersion}`;
    rows.push(expectOne({ name, ...JSON.parse(await readFile(facts, "utf8")) }));
  }
  return rows;
}
