// Serves the page, without isolation and with it: node serve.mjs [--built] [--port N] [--host NAME]
import { parseArgs } from "node:util";
import { serveBoth } from "./vite/servers.mjs";

const { values } = parseArgs({
  options: { built: { type: "boolean" }, port: { type: "string" }, host: { type: "string" } },
});
const { built, host } = values;
const port = values.port === undefined ? undefined : Number(values.port);
const [unshared, isolated] = await serveBoth({ built, host, port });
console.log(`wasm-attention playground
  one thread                ${unshared.address}
  threads, shared memory    ${isolated.address}
Ctrl+C ends it.`);
