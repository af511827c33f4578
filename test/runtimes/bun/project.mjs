// Bun, from npm.
import { binary } from "../support/binary.mjs";
import { expectOne } from "../support/expect.mjs";

const bun = binary("bun");
export const { skipped } = bun;

export async function run({ folder, execute }) {
  const facts = JSON.parse(execute(bun.path, ["run", "../print.mjs"], folder));
  return [expectOne({ name: `Bun ${bun.version}`, ...facts })];
}
