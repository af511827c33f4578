// Deno, from npm: with every permission, and with none.
import { binary } from "../support/binary.mjs";
import { expectOne } from "../support/expect.mjs";

const deno = binary("deno");
export const { skipped } = deno;

export async function run({ folder, execute }) {
  return [
    ["all permissions", "--allow-all"],
    ["no permission", "--no-prompt"],
  ].map(([name, flag]) => {
    const facts = JSON.parse(execute(deno.path, ["run", flag, "../print.mjs"], folder));
    return expectOne({ name: `Deno ${deno.version}, ${name}`, ...facts });
  });
}
