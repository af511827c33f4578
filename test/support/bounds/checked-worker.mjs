// A worker of a pool whose kernels are checked.
import { writeSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { checkInstances } from "./checked-instance.mjs";
import { Regions } from "./regions.mjs";

const { guard, constants, count, worker, regions } = workerData.checks;
const known = new Regions(regions);
checkInstances({
  guard,
  constants,
  regionsOf: () => known,
  // A worker that computes never comes to print what it has been told to print.
  report: (message) => {
    Atomics.add(count, 0, 1);
    writeSync(2, `${message}\n`);
  },
});
await import(worker);
