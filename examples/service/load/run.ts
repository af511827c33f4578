// The service under load: npm run load -- [--seconds 20] [--backends wasm,javascript] [--json FILE] [--quick]
//   --seconds   for all phases of all backends together, computing the right answers and starting aside
//   --quick     small sizes, for a look at whether it works
// Exit code 1 where an answer is lost or wrong, or memory is not given back.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeConversation } from "./conversation.ts";
import { poolRequest } from "./pool-requests.ts";
import { printReport } from "./report.ts";
import { ServiceProcess } from "./service-process.ts";
import { type Sizes, sizes } from "./sizes.ts";
import { type Plan, type Trial, tryBackend } from "./trial.ts";
import { complaints } from "./verdict.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    backends: { type: "string", default: "wasm,javascript" },
    json: { type: "string" },
    quick: { type: "boolean", default: false },
  },
});

const backends = options.backends.split(",");
const chosen = options.quick ? sizes.quick : sizes.usual;
const plan = makePlan(chosen, Number(options.seconds) / (2 * backends.length));
const services: ServiceProcess[] = [];
for (const backend of backends) services.push(await startService(backend, chosen));
// The load comes from elsewhere, as it were: the service's threads go first where there are too few cores for all. Processes
// that are started later would inherit this.
os.setPriority(os.constants.priority.PRIORITY_LOW);

const trials: Trial[] = [];
for (const [i, backend] of backends.entries()) trials.push(await tryBackend(backend, services[i]!, plan));
printReport(trials);
if (options.json !== undefined) writeResults(options.json);

const found = trials.flatMap((trial) =>
  complaints(trial).map((complaint) => `${trial.backend}: ${complaint}`),
);
for (const complaint of found) console.error(complaint);
process.exitCode = found.length > 0 ? 1 : 0;

/** The load, with the right answers, which take a moment in float64. */
function makePlan({ model, pool, promptTokens, turns, connections, kills }: Sizes, seconds: number): Plan {
  return {
    pool: [10, 20].map((seed) => poolRequest(pool, seed)),
    conversation: makeConversation(model, promptTokens, turns, 30),
    seconds,
    connections,
    kills,
  };
}

function startService(backend: string, { model }: Sizes): Promise<ServiceProcess> {
  const log = fileURLToPath(new URL(`../load-${backend}.log`, import.meta.url));
  console.log(`${backend}: log in ${path.relative(".", log)}`);
  const environment = {
    BACKEND: backend,
    MODEL_HEADS: String(model.heads),
    MODEL_KV_HEADS: String(model.kvHeads),
    MODEL_HEAD_DIM: String(model.headDim),
    MAX_TOKENS: String(model.maxTokens),
  };
  return ServiceProcess.start(environment, log);
}

function writeResults(file: string): void {
  const results = {
    date: new Date().toISOString(),
    command: `npm run load -- ${process.argv.slice(2).join(" ")}`,
    machine: describeMachine(),
    versions: Object.fromEntries(
      ["fastify", "prom-client", "autocannon"].map((name) => [name, versionOf(name)]),
    ),
    sizes: chosen,
    trials,
  };
  // Six digits: more than noise leaves meaning to.
  const shorten = (_: string, x: unknown) =>
    typeof x === "number" && !Number.isInteger(x) ? Number(x.toPrecision(6)) : x;
  fs.writeFileSync(file, `${JSON.stringify(results, shorten, 2)}\n`);
}

function describeMachine(): object {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? "unknown",
    cores: os.availableParallelism(),
    memoryGiB: Math.round((os.totalmem() / 2 ** 30) * 10) / 10,
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
  };
}

function versionOf(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(fs.readFileSync(file, "utf8")) as { version: string }).version;
}
