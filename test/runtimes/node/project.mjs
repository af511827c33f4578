// Every supported version of Node, as an ES module and required by CommonJS.
import { expectOne } from "../support/expect.mjs";

export async function run({ folder, execute, nodes }) {
  return nodes().flatMap(({ node, version }) =>
    [
      ["import", "../print.mjs"],
      ["require", "required.cjs"],
    ].map(([way, program]) => {
      const facts = JSON.parse(execute(node, [program], folder));
      return expectOne({ name: `Node ${version}, ${way}`, ...facts });
    }),
  );
}
