/** The example service has dependencies of its own: where they are installed, its tests run with these. */
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dependencies = join(root, "examples", "service", "node_modules");

test.skipIf(!existsSync(dependencies))(
  "examples/service is tested: skipped until `npm --prefix examples/service ci` has been run",
  () => expect(realpathSync(join(dependencies, "wasm-attention"))).toBe(realpathSync(root)),
);
