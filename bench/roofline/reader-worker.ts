/** A thread that reads when it is told to. */
import { parentPort, workerData } from "node:worker_threads";
import { BYTES, createRead, DONE, PASSES, type ReaderTask, ROUND, SUMS } from "./reader.ts";

const { binary, most, control, index } = workerData as ReaderTask;
const read = createRead(binary, most);
parentPort?.postMessage("ready");

for (let round = 0; ; round++) {
  Atomics.wait(control, ROUND, round);
  const bytes = Atomics.load(control, BYTES);
  if (bytes === 0) break;
  control[SUMS + index] = read(bytes, Atomics.load(control, PASSES));
  Atomics.add(control, DONE, 1);
}
