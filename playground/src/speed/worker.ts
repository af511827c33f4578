/** The worker that measures. It may be busy for seconds at a time: the page ends it to cancel. */
import { createRandom } from "../../../bench/random.ts";
import type { AttentionInputs, AttentionSize } from "../../../src/cli/measure/baselines.ts";
import { errorOf, whatIsWrong } from "./check.ts";
import { type Contender, contenders } from "./contenders.ts";
import type { Order, Report, Row } from "./messages.ts";

/** Each contender is timed once in a round: a machine changes its speed from one second to the next. */
const rounds = 5;
/** Milliseconds of a contender in a round; it runs once at least. */
const budget = 120;
/** Milliseconds of a sample, in which short calls are repeated: a page that is not isolated has a clock of 0.1 ms. */
const sample = 10;

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  measure(data).catch((error: unknown) => {
    tell({ kind: "failure", message: error instanceof Error ? error.message : String(error) });
  });
});

async function measure({ size, threads }: Order): Promise<void> {
  tell({ kind: "progress", done: 0, doing: "Starting engines" });
  const inputs = randomInputs(size);
  const all = (await contenders(inputs, size, threads)).map((contender) => new Entry(contender));
  const error = check(all, inputs, size);
  const right = all.filter(({ wrong }) => wrong === undefined);
  const turns = rounds * right.length;
  const show = (): void => tell({ kind: "rows", rows: all.map((one) => one.row()) });
  for (let turn = 0; turn < turns; turn++) {
    const entry = right[turn % right.length]!;
    tell({ kind: "progress", done: turn / turns, doing: entry.row().name });
    entry.time();
    if (turn >= right.length - 1) show();
    // Workers that are to help have to be heard now and then.
    await new Promise((resolve) => setTimeout(resolve));
  }
  show();
  tell({ kind: "done", error });
}

function randomInputs({ H, K, L, S, E }: AttentionSize): AttentionInputs {
  const random = createRandom(1);
  return { query: random(H * L * E), key: random(K * S * E), value: random(K * S * E) };
}

/** Runs everyone once, and compares; returns the largest error against float64 of those that are right. */
function check(all: readonly Entry[], inputs: AttentionInputs, size: AttentionSize): number {
  let largest = 0;
  let first: Float32Array | undefined;
  for (const entry of all) {
    tell({ kind: "progress", done: 0, doing: `Checking ${entry.row().name}` });
    const output = entry.runOnce();
    first ??= output;
    const error = errorOf(output, inputs, size);
    entry.wrong = whatIsWrong(output, first, error);
    if (entry.wrong === undefined) largest = Math.max(largest, error);
  }
  return largest;
}

/** A contender and its times so far. */
class Entry {
  readonly #contender: Contender;
  readonly #times: number[] = [];
  #repeats: number | undefined;
  wrong: string | undefined;

  constructor(contender: Contender) {
    this.#contender = contender;
  }

  runOnce(): Float32Array {
    this.#contender.run();
    return this.#contender.output();
  }

  time(): void {
    const { run } = this.#contender;
    this.#repeats ??= Math.max(1, Math.ceil(sample / timeOf(run, repeatsFor(run))));
    run(); // what the one before left in the caches is not this one's fault
    const end = performance.now() + budget;
    do this.#times.push(timeOf(run, this.#repeats));
    while (performance.now() < end);
  }

  row(): Row {
    const { name, note } = this.#contender;
    const sorted = this.#times.toSorted((a, b) => a - b);
    return { name, note, milliseconds: sorted[sorted.length >> 1], wrong: this.wrong };
  }
}

/** How often a call is repeated until the clock has moved enough to tell its time. */
function repeatsFor(run: () => void): number {
  let repeats = 1;
  while (repeats < 2 ** 20 && timeOf(run, repeats) * repeats < sample / 4) repeats *= 2;
  return repeats;
}

/** Milliseconds of one of `count` calls. */
function timeOf(run: () => void, count: number): number {
  const begun = performance.now();
  for (let i = 0; i < count; i++) run();
  return (performance.now() - begun) / count;
}

function tell(report: Report): void {
  postMessage(report);
}
